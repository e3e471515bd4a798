"""PPO, mostly on a small model: exact at its start, guarded at its end."""

import msgspec
import numpy as np
import pytest
import torch

from talecraft.learning import arithmetic
from talecraft.learning.critic import Appraiser
from talecraft.learning.guards import Guards
from talecraft.learning.learner import Bench
from talecraft.learning.policy import Policy
from talecraft.learning.ppo import Ppo
from talecraft.learning.rewards.total import Valued
from talecraft.process.run_events import KL_HARD_STOP, PpoSettings, Step
from tests.support.models import bundled_base, codec
from tests.support.small_run import small_base

SMALL = PpoSettings(
    updates=3, batch=8, minibatch=4, micro_batch=2, epochs=2, outline_tokens=12, prose_tokens=20
)
TEXTS = ("A shy fox learns to share", "Two mice build a boat", "The owl is late", "A cold night")


class Short:
    """A reward without a head: shorter prose is better. It says nothing of a beginning."""

    judges_outlines = False
    has_taste = True

    def __call__(self, rollouts, features, outlines=None):
        total = torch.tensor([1 - len(r.prose) / 100 for r in rollouts])
        return Valued(total, 0 * total, {"taste": total}, 0 * total)

    def taste(self, features):
        return torch.zeros(len(features))


def made(settings=SMALL, reward=None, seed=0, base=None, critic=True):
    torch.manual_seed(seed)
    policy = Policy(base or small_base(), 4, 8, "all-linear")
    prompts = [codec().encode(f"<prompt>\n{text}\n") for text in TEXTS]
    appraise = Appraiser(policy, codec(), reward or Short(), 15.0, settings)
    bench = Bench(policy, codec(), appraise, prompts, settings, 0, seed, lambda: None)
    return policy, Ppo(bench, critic)


def test_the_first_ratio_is_one():
    """Old log-probs come from the training forward: before a step, new equals old."""
    policy, ppo = made()
    experience, step = ppo._experience(ppo._roll_out(1), 1)
    learned = torch.cat(list(experience.parts)).tolist()
    assert len(learned) == len(set(learned)) == SMALL.batch
    assert len(experience.batch.ids) == 2 * SMALL.batch
    for rows in experience.parts:
        part = experience.batch[rows]
        width = part.mask.shape[1]
        with torch.no_grad():
            now = policy.judge(part, SMALL.temperature).logprobs
        ratio = (now - experience.old[rows, :width]).exp()
        torch.testing.assert_close(ratio, torch.ones_like(ratio), rtol=0, atol=1e-6)
        result = arithmetic.policy_loss(
            now, experience.old[rows, :width], experience.advantages[rows, :width], part.mask, 0.2
        )
        assert float(result.clip_fraction) == 0
    assert step.kl == pytest.approx(0, abs=1e-4), "a fresh adapter is the reference"


def test_advantages_are_white_over_what_the_policy_chose():
    _, ppo = made()
    experience, _ = ppo._experience(ppo._roll_out(1), 1)
    learned = torch.cat(list(experience.parts))
    chosen = experience.advantages[learned][experience.batch.mask[learned].bool()]
    assert float(chosen.mean()) == pytest.approx(0, abs=1e-5)
    assert float(chosen.std()) == pytest.approx(1, rel=1e-3)
    assert float(experience.advantages[~experience.batch.mask.bool()].abs().sum()) == 0


def test_what_differs_most_in_reward_is_learned_from_and_the_figures_are_of_all():
    _, ppo = made()
    sampled = ppo._roll_out(1)
    experience, step = ppo._experience(sampled, 1)
    rewards = Short()(sampled, None).total
    learned = torch.cat(list(experience.parts))
    assert {int(rewards.argmax()), int(rewards.argmin())} <= set(learned.tolist())
    assert float(rewards[learned].var()) > float(rewards.var())
    assert step.reward == pytest.approx(float(rewards.mean()), rel=1e-6)
    _, every = made(_with(SMALL, oversample=1))
    assert len(every._experience(every._roll_out(1), 1)[0].batch.ids) == SMALL.batch


def test_the_gradient_of_a_minibatch_does_not_depend_on_its_cut():
    gradients = []
    for micro in (4, 1):
        policy, ppo = made(_with(SMALL, micro_batch=micro))
        experience, _ = ppo._experience(ppo._roll_out(1), 1)
        ppo._optimiser.step = lambda: None
        ppo._minibatch(experience, list(torch.arange(4).split(micro)))
        gradients.append(torch.cat([p.grad.flatten() for p in policy.lora.values()]))
    scale = gradients[0].abs().max()
    torch.testing.assert_close(gradients[0] / scale, gradients[1] / scale, rtol=0, atol=1e-4)


class Articles(Short):
    """A reward that is soon found: ten times the share of the words "a" and "the"."""

    def __call__(self, rollouts, features, outlines=None):
        words = [one.prose.lower().split() for one in rollouts]
        shares = [sum(w in ("a", "the") for w in said) / max(1, len(said)) for said in words]
        total = 10 * torch.tensor(shares)
        return Valued(total, 0 * total, {"taste": total}, 0 * total)


def test_it_learns_what_the_reward_asks_for():
    settings = _with(
        SMALL, updates=5, batch=16, oversample=1, minibatch=8, micro_batch=8, learning_rate=5e-3
    )
    settings = _with(settings, prose_tokens=32, kl_target=10.0)
    _, ppo = made(settings, reward=Articles(), base=bundled_base())
    steps = list(ppo.run())
    first, last = steps[0].reward, np.mean([s.reward for s in steps[-2:]])
    assert last > first + 0.2
    assert steps[-1].kl > 0


def test_the_same_seed_gives_the_same_adapter(tmp_path):
    files = []
    for name in ("a", "b"):
        policy, ppo = made(_with(SMALL, updates=2))
        list(ppo.run())
        files.append(policy.save(tmp_path / name, "ember@1"))
    assert files[0] == files[1]


def test_a_policy_that_runs_away_is_stopped_and_put_back():
    """A learning rate a hundred times too high: the last state within the bound is kept."""
    settings = _with(SMALL, updates=8, learning_rate=0.3, approx_kl_stop=1e9, kl_target=0.5)
    _, ppo = made(settings)
    steps = list(ppo.run())
    assert ppo.stopped
    assert steps[-1].note == ppo.stopped
    assert len(steps) < settings.updates
    assert ppo.updates == len(steps) - 2, "the last update was taken back"
    _, again = ppo._experience(ppo._roll_out(99), 99)
    assert again.kl <= KL_HARD_STOP * settings.kl_target, "what was kept is within its bound"


def test_one_can_step_back_update_by_update():
    policy, ppo = made(_with(SMALL, updates=3))
    ppo._guards.trip = lambda step: ""  # passages of twenty tokens hardly ever end by themselves
    seen = []
    for _ in ppo.run():
        seen.append(policy.snapshot())
    for earlier in (seen[1], seen[0]):
        assert ppo.step_back()
        assert all(torch.equal(p, earlier[n]) for n, p in policy.lora.items())
    assert ppo.updates == 1
    assert ppo.step_back()
    assert not ppo.step_back(), "there is nothing before the beginning"


def test_rewards_that_are_no_numbers_stop_the_run_at_once():
    class Broken(Short):
        def __call__(self, rollouts, features, outlines=None):
            nothing = torch.full((len(rollouts),), float("nan"))
            zeros = torch.zeros(len(rollouts))
            return Valued(nothing, zeros, {"taste": nothing * torch.nan}, zeros)

    policy, ppo = made(reward=Broken())
    before = policy.snapshot()
    steps = list(ppo.run())
    assert len(steps) == 1
    assert "finite" in ppo.stopped
    assert all(torch.equal(p, before[n]) for n, p in policy.lora.items())


def test_adapt_beta_by_hand():
    assert arithmetic.adapt_beta(0.1, 6.0, 3.0, 0.5, 1.0) == pytest.approx(0.15)
    assert arithmetic.adapt_beta(0.1, 0.0, 3.0, 0.5, 1.0) == pytest.approx(0.05)
    assert arithmetic.adapt_beta(0.1, 3.3, 3.0, 0.5, 1.0) == pytest.approx(0.105)
    assert arithmetic.adapt_beta(0.1, 0.0, 3.0, 0.5, 0.4, 1.0) == pytest.approx(0.08)
    assert arithmetic.adapt_beta(0.1, 9.0, 3.0, 0.5, 0.4, 1.0) == pytest.approx(0.15)


def _with(settings, **changes):
    return msgspec.structs.replace(settings, **changes)


def step(**changes):
    sound = Step(1, 9, 0.0, {}, 0.0, 5.0, 0.1, 2.0, 0.0, 0.0, 0.0, 60.0, 0.1, 1.0, 1.0, "", 0.9)
    return msgspec.structs.replace(sound, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kl": 10.1}, "nats"),
        ({"kl": 9.9}, ""),
        ({"entropy": 1.19}, "too sure"),
        ({"entropy": 1.21}, ""),
        ({"repetition": 0.33}, "repeat"),
        ({"repetition": 0.32}, ""),
        ({"reward": float("nan")}, "finite"),
        ({"kl": float("inf")}, "finite"),
    ],
)
def test_each_guard_trips_at_its_bound(changes, words):
    guards = Guards(kl_target=5.0)
    assert guards.trip(step()) == ""
    found = guards.trip(step(**changes))
    assert (words in found) if words else found == ""


def test_one_batch_without_endings_is_no_trend_two_are():
    guards = Guards(kl_target=5.0)
    assert guards.trip(step()) == ""
    assert guards.trip(step(finished=0.6)) == ""
    assert "ending" in guards.trip(step(finished=0.6))


class Plans(Short):
    """Of the prose nothing is thought; outlines are worth 2."""

    judges_outlines = True
    has_taste = True

    def __call__(self, rollouts, features, outlines=None):
        assert outlines.shape == features.shape
        nothing = torch.zeros(len(rollouts))
        return Valued(nothing, nothing + 2, {}, nothing)


class Decided(Short):
    """All that there is to earn, 2, is decided by the plan."""

    def __call__(self, rollouts, features, outlines=None):
        nothing = torch.zeros(len(rollouts))
        return Valued(nothing + 2, nothing, {}, nothing + 2)


@pytest.mark.parametrize("reward", [Plans(), Decided()])
def test_an_outline_earns_where_it_ends(reward, monkeypatch):
    laid = {}

    def keep(rewards, values, mask, gamma, lam):
        laid.update(rewards=rewards, mask=mask)
        return rewards, rewards

    monkeypatch.setattr(arithmetic, "advantages_and_returns", keep)
    _, ppo = made(reward=reward)
    sampled = ppo._roll_out(1)
    ppo._experience(sampled, 1)
    for row, one in enumerate(sampled):
        chosen = [i for i in range(one.prose_start) if not one.forced[i]]
        paid = (laid["rewards"][row] > 1).nonzero()[:, 0].tolist()
        assert paid == ([chosen[-1]] if chosen else [])


def test_without_a_critic_turns_are_measured_by_others_after_their_prompt():
    settings = _with(SMALL, oversample=1, group=4)
    _, ppo = made(settings, critic=False)
    sampled = ppo._roll_out(1)
    prompts = [tuple(one.prompt_ids) for one in sampled]
    assert [len(set(prompts[at : at + 4])) for at in (0, 4)] == [1, 1]
    assert len({one.prose for one in sampled[:4]}) > 1, "each draws for itself"
    experience, step = ppo._experience(sampled, 1)
    worth = torch.tensor([1 - len(one.prose) / 100 for one in sampled])
    advantages = worth - arithmetic.leave_one_out(worth, 4)
    # At the last chosen token nothing but its own distance is still to come; then all is whitened.
    mask = experience.batch.mask
    last = arithmetic.last_index(mask)
    rows = torch.arange(len(sampled))
    reference = ppo._bench.appraise(sampled, 0).logprobs
    to_go = (experience.old - reference) * mask
    expected = worth[:, None] - ppo._beta * arithmetic.rewards_to_go(to_go, mask)
    expected = (expected - arithmetic.leave_one_out(worth, 4)[:, None]) * mask
    white = arithmetic.whiten(expected, mask) * mask
    torch.testing.assert_close(experience.advantages, white, rtol=1e-4, atol=1e-5)
    assert torch.allclose(expected[rows, last], advantages, atol=1e-3)
    before = [one.clone() for one in ppo._policy.value_head.parameters()]
    step = ppo._update(experience, step, 1)
    assert step.value_loss == 0
    assert all(map(torch.equal, before, ppo._policy.value_head.parameters()))


def test_without_a_critic_it_learns_what_the_reward_asks_for_too():
    settings = _with(
        SMALL, updates=5, batch=16, oversample=1, minibatch=8, micro_batch=8, learning_rate=5e-3
    )
    settings = _with(settings, prose_tokens=32, kl_target=10.0)
    _, ppo = made(settings, reward=Articles(), base=bundled_base(), critic=False)
    steps = list(ppo.run())
    assert np.mean([s.reward for s in steps[-2:]]) > steps[0].reward + 0.2
