"""PPO with the KL in its reward finds the policy that is known to be best.

For a reward r and a reference, the best policy is pi*(y) ~ ref(y) exp(r(y) / beta) (Ziegler et al.,
1909.08593, section 2). The losses are the real ones; only the policy is a table.
"""

import itertools

import pytest
import torch

from talecraft.learning import arithmetic

WORDS = 3
UPDATES, EPOCHS, BATCH = 150, 4, 1024


def sequences(length):
    return torch.tensor(list(itertools.product(range(WORDS), repeat=length)))


def logprobs(table, tokens):
    """log p of each token (B, T) given those before it; `table` has a row for every beginning."""
    state, found = torch.zeros(len(tokens), dtype=torch.long), []
    offset = 0
    for t in range(tokens.shape[1]):
        found.append(torch.log_softmax(table[offset + state], -1).gather(1, tokens[:, t : t + 1]))
        offset, state = offset + WORDS**t, state * WORDS + tokens[:, t]
    return torch.cat(found, 1)


def states(tokens):
    """The row of the table at each token (B, T)."""
    state, found, offset = torch.zeros(len(tokens), dtype=torch.long), [], 0
    for t in range(tokens.shape[1]):
        found.append(offset + state)
        offset, state = offset + WORDS**t, state * WORDS + tokens[:, t]
    return torch.stack(found, 1)


def learn(reference, reward, beta, length):
    """The table after training, by the losses and the credit that a run uses."""
    every = sequences(length)
    table = reference.clone().requires_grad_()
    values = torch.zeros(len(reference), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([table, values], lr=0.05)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.002, total_iters=UPDATES)
    random = torch.Generator().manual_seed(0)
    for _ in range(UPDATES):
        with torch.no_grad():
            # Systematic sampling: each sequence as often as it is likely, up to one.
            likely = logprobs(table, every).sum(1).exp()
            grid = (torch.arange(BATCH) + torch.rand(1, generator=random)) / BATCH
            drawn = torch.searchsorted(likely.cumsum(0), grid.double()).clamp(max=len(every) - 1)
            tokens = every[drawn]
            mask = torch.ones(tokens.shape, dtype=torch.float64)
            old, base = logprobs(table, tokens), logprobs(reference, tokens)
            seen = values[states(tokens)]
            rewards = arithmetic.token_rewards(
                reward[drawn], arithmetic.kl_penalty(old, base), beta, mask
            )
            advantages, returns = arithmetic.advantages_and_returns(rewards, seen, mask, 1.0, 0.95)
            white = arithmetic.whiten(advantages, mask)
        for _ in range(EPOCHS):
            optimiser.zero_grad()
            policy = arithmetic.policy_loss(logprobs(table, tokens), old, white, mask, 0.2)
            value, _ = arithmetic.value_loss(values[states(tokens)], seen, returns, mask, 0.2)
            (policy.loss + 0.5 * value).backward()
            optimiser.step()
        schedule.step()
    return table.detach()


@pytest.mark.parametrize(("length", "most"), [(1, 0.01), (2, 0.02)], ids=["bandit", "two tokens"])
@pytest.mark.parametrize("beta", [0.2, 0.5, 1.0])
def test_the_best_policy_is_found(length, most, beta):
    random = torch.Generator().manual_seed(length)
    rows = sum(WORDS**t for t in range(length))
    reference = torch.randn(rows, WORDS, generator=random, dtype=torch.float64)
    every = sequences(length)
    reward = torch.rand(len(every), generator=random, dtype=torch.float64)
    base = logprobs(reference, every).sum(1)
    best = torch.softmax(base + reward / beta, 0)
    found = logprobs(learn(reference, reward, beta, length), every).sum(1).exp()
    variation = 0.5 * (found - best).abs().sum()
    assert 0.5 * (base.exp() - best).abs().sum() > 2 * most, "there is something to learn"
    assert float(variation) <= most


@pytest.mark.parametrize(
    ("beta", "spread", "most"),
    [(1000.0, 1.0, 0.05), (0.2, 0.0, 0.1)],
    ids=["a coefficient without end", "nothing to gain"],
)
def test_it_stays_where_there_is_no_reason_to_go(beta, spread, most):
    """KL(found || reference), summed over all sequences of two tokens."""
    random = torch.Generator().manual_seed(3)
    reference = torch.randn(1 + WORDS, WORDS, generator=random, dtype=torch.float64)
    every = sequences(2)
    reward = 0.5 + spread * torch.rand(len(every), generator=random, dtype=torch.float64)
    found = logprobs(learn(reference, reward, beta, 2), every).sum(1)
    moved = (found.exp() * (found - logprobs(reference, every).sum(1))).sum()
    assert float(moved) < most
