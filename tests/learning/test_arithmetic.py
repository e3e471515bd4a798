"""PPO's arithmetic against an independent implementation and against hand-computed numbers."""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from talecraft.learning import arithmetic as ppo

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "golden_ppo.json").read_text())


def tensor(rows):
    return torch.tensor(rows, dtype=torch.float64)


@given(
    st.lists(
        st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]) | st.floats(-5, 5), min_size=1, max_size=9
    ),
    st.integers(1, 9),
)
def test_the_most_varied_are_as_varied_as_any_of_their_number(values, size):
    kept = ppo.most_varied(tensor(values), size)
    size = min(size, len(values))
    assert int(kept.sum()) == size
    best = max(np.var(some) for some in combinations(values, size))
    assert np.var(np.array(values)[kept.numpy()]) == pytest.approx(best, rel=1e-9, abs=1e-12)


def test_of_one_loved_passage_among_many_it_is_kept():
    rewards = tensor([0.1, 0.2, 4.0, 0.15, 0.12, -0.3])
    assert ppo.most_varied(rewards, 3).tolist() == [True, False, True, False, False, True]


@pytest.mark.parametrize(
    "case", GOLDEN["cases"], ids=lambda c: f"{c['kl_penalty']}-{c['whiten_rewards']}"
)
def test_the_whole_step_matches_trl(case):
    mask = tensor(case["mask"])
    old, reference, new = tensor(case["old"]), tensor(case["ref"]), tensor(case["new"])
    values, predicted = tensor(case["values_in"]) * mask, tensor(case["vpred"])
    penalties = ppo.kl_penalty(old, reference, case["kl_penalty"])
    # TRL adds the penalty on padding too, and the score at the last chosen token.
    rewards = ppo.token_rewards(tensor(case["scores"]), penalties, case["beta"], mask)
    torch.testing.assert_close(rewards * mask, tensor(case["rewards"]) * mask, rtol=0, atol=1e-6)
    steps = mask
    if case["whiten_rewards"]:
        # TRL does not mask again after whitening and walks over the padding, whose rewards are
        # no longer zero; to meet its numbers this test walks there too. Talecraft itself does not.
        rewards, steps = ppo.whiten(rewards * mask, mask, shift_mean=False), torch.ones_like(mask)
    advantages, returns = ppo.advantages_and_returns(
        rewards, values, steps, case["gamma"], case["lam"]
    )
    white = ppo.whiten(advantages, mask)
    torch.testing.assert_close(white * mask, tensor(case["advantages"]) * mask, rtol=0, atol=1e-6)
    torch.testing.assert_close(returns * mask, tensor(case["returns"]) * mask, rtol=0, atol=1e-6)
    policy = ppo.policy_loss(new, old, white, mask, case["clip"])
    value, fraction = ppo.value_loss(predicted, values, returns, mask, case["clip_value"])
    assert float(policy.loss) == pytest.approx(case["pg_loss"], abs=1e-6)
    assert float(policy.clip_fraction) == pytest.approx(case["clipfrac"], abs=1e-6)
    assert float(policy.approx_kl) == pytest.approx(case["approxkl"], abs=1e-6)
    assert float(value) * case["vf_coef"] == pytest.approx(case["vf_loss_times_coef"], abs=1e-6)
    assert float(fraction) == pytest.approx(case["vclipfrac"], abs=1e-6)


def test_the_adaptive_coefficient_matches_trl():
    golden = GOLDEN["adaptive_kl"]
    beta = golden["init"]
    for kl, expected in golden["seq"]:
        beta = ppo.adapt_beta(beta, kl, golden["target"], golden["n"] / golden["horizon"])
        assert beta == pytest.approx(expected, abs=1e-12)


HAND_REWARDS = tensor([[0, 0, 1]])
HAND_VALUES = tensor([[0.5, 0.4, 0.2]])


def test_gae_by_hand():
    ones = torch.ones_like(HAND_REWARDS)
    advantages, returns = ppo.advantages_and_returns(HAND_REWARDS, HAND_VALUES, ones, 1.0, 0.95)
    torch.testing.assert_close(advantages, tensor([[0.432, 0.56, 0.8]]), rtol=1e-5, atol=0)
    torch.testing.assert_close(returns, tensor([[0.932, 0.96, 1.0]]), rtol=1e-5, atol=0)


def test_gae_at_lambda_one_is_the_return_minus_the_value():
    ones = torch.ones_like(HAND_REWARDS)
    advantages, _ = ppo.advantages_and_returns(HAND_REWARDS, HAND_VALUES, ones, 1.0, 1.0)
    torch.testing.assert_close(advantages, 1 - HAND_VALUES, rtol=1e-5, atol=0)


def test_gae_at_lambda_zero_is_the_one_step_error():
    ones = torch.ones_like(HAND_REWARDS)
    advantages, _ = ppo.advantages_and_returns(HAND_REWARDS, HAND_VALUES, ones, 1.0, 0.0)
    torch.testing.assert_close(advantages, tensor([[-0.1, -0.2, 0.8]]), rtol=1e-5, atol=1e-12)


def test_forced_tokens_are_stepped_over():
    """A sequence with a forced token in its middle learns what it would without that token."""
    rewards, values = tensor([[0, 7, 0, 1]]), tensor([[0.5, 9, 0.4, 0.2]])
    mask = tensor([[1, 0, 1, 1]])
    advantages, returns = ppo.advantages_and_returns(rewards, values, mask, 1.0, 0.95)
    torch.testing.assert_close(advantages, tensor([[0.432, 0, 0.56, 0.8]]), rtol=1e-5, atol=0)
    torch.testing.assert_close(returns, tensor([[0.932, 0, 0.96, 1.0]]), rtol=1e-5, atol=0)


def test_the_score_falls_on_the_last_chosen_token():
    mask = tensor([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]])
    rewards = ppo.token_rewards(tensor([1, 2, 3]), torch.ones_like(mask), 0.5, mask)
    expected = tensor([[-0.5, 0.5, 0, 0], [-0.5, 0, 1.5, 0], [-0.5, -0.5, -0.5, 2.5]])
    torch.testing.assert_close(rewards, expected, rtol=1e-5, atol=0)


def test_the_ratio_is_clipped_only_where_that_lowers_the_objective():
    """By hand: ratios e^.5 and e^-.5, advantages of both signs."""
    new, old = tensor([[0.5, 0.5, -0.5, -0.5]]), tensor([[0.0, 0.0, 0.0, 0.0]])
    advantages = tensor([[1, -1, 1, -1]])
    result = ppo.policy_loss(new, old, advantages, torch.ones_like(new), 0.2)
    up, down = 1.6487212707, 0.6065306597
    assert float(result.loss) == pytest.approx((-1.2 + up - down + 0.8) / 4, rel=1e-5)
    assert float(result.clip_fraction) == 0.5


def test_policy_loss_gradient_against_finite_differences():
    """Autograd through softmax, ratio and clip equals central differences, 3-token vocabulary."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 4, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    ids = torch.randint(3, (2, 4), generator=generator)
    old = torch.log_softmax(torch.randn(2, 4, 3, dtype=torch.float64, generator=generator), -1)
    old = old.gather(2, ids[..., None])[..., 0]
    advantages = torch.randn(2, 4, dtype=torch.float64, generator=generator)
    mask = tensor([[1, 1, 1, 1], [1, 0, 1, 0]])
    values = torch.randn(2, 4, dtype=torch.float64, generator=generator)

    def loss(table):
        new = torch.log_softmax(table, -1).gather(2, ids[..., None])[..., 0]
        policy = ppo.policy_loss(new, old, advantages, mask, 0.2).loss
        predicted = table.mean(-1)  # any differentiable value estimate
        return policy + ppo.value_loss(predicted, values, advantages, mask, 0.2)[0]

    assert torch.autograd.gradcheck(loss, (logits,), eps=1e-6, atol=1e-7)
    loss(logits).backward()
    flat = logits.detach().clone()
    for index in [(0, 0, 0), (0, 3, 2), (1, 2, 1)]:
        step = torch.zeros_like(flat)
        step[index] = 1e-6
        numeric = (loss(flat + step) - loss(flat - step)) / 2e-6
        assert float(logits.grad[index]) == pytest.approx(float(numeric), rel=1e-5, abs=1e-9)


def test_micro_batches_divided_by_the_whole_batch_add_up():
    generator = torch.Generator().manual_seed(5)
    new, old, advantages = (
        torch.randn(8, 5, dtype=torch.float64, generator=generator) for _ in range(3)
    )
    mask = (torch.rand(8, 5, generator=generator) > 0.3).double()
    whole = ppo.policy_loss(new, old, advantages, mask, 0.2).loss
    parts = sum(
        ppo.policy_loss(
            new[i : i + 2], old[i : i + 2], advantages[i : i + 2], mask[i : i + 2], 0.2, mask.sum()
        ).loss
        for i in range(0, 8, 2)
    )
    torch.testing.assert_close(parts, whole, rtol=1e-10, atol=0)


def test_k3_is_never_negative_and_zero_for_equal_policies():
    old, new = tensor([[0.0, -1.0]]), tensor([[0.3, -1.7]])
    mask = torch.ones_like(old)
    assert float(ppo.k3(old, old, mask)) == 0
    expected = ((2.718281828459045**0.3 - 1 - 0.3) + (2.718281828459045**-0.7 - 1 + 0.7)) / 2
    assert float(ppo.k3(new, old, mask)) == pytest.approx(expected, rel=1e-5)


def test_a_score_goes_to_the_last_token_of_its_part():
    """Row 0: the part ends at 1; row 1: at 0, a forced token after it; row 2 has no such part."""
    part = tensor([[1, 1, 0], [1, 0, 0], [0, 0, 0]])
    found = ppo.add_at_end(torch.full((3, 3), 0.5, dtype=torch.float64), tensor([1, 2, 3]), part)
    assert found.tolist() == [[0.5, 1.5, 0.5], [2.5, 0.5, 0.5], [0.5, 0.5, 0.5]]


def test_the_others_of_a_group_by_hand():
    scores = torch.tensor([1.0, 2.0, 6.0, 0.0, 0.0, 3.0])
    assert ppo.leave_one_out(scores, 3).tolist() == [4.0, 3.5, 1.5, 1.5, 1.5, 0.0]
    advantages = scores - ppo.leave_one_out(scores, 3)
    assert advantages.reshape(2, 3).sum(1).tolist() == [0.0, 0.0], "what one gains others lose"


def test_rewards_to_go_by_hand():
    rewards = torch.tensor([[1.0, 9.0, 2.0, 3.0], [1.0, 1.0, 9.0, 9.0]])
    mask = torch.tensor([[1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]])
    found = ppo.rewards_to_go(rewards, mask)
    assert found.tolist() == [[6.0, 0.0, 5.0, 3.0], [2.0, 1.0, 0.0, 0.0]]
