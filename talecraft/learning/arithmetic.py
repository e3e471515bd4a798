"""The formulas of PPO from feedback as pure functions of tensors.

Shapes: B sequences of T response tokens; `mask` (B, T) is 1 for tokens the policy chose and 0 for
padding and for tokens the program forced. All means are over the mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LOG_RATIO_LIMIT = 20.0


def masked_mean(values: Tensor, mask: Tensor, total: Tensor | float | None = None) -> Tensor:
    """Mean over the mask; with `total`, the sum over the mask divided by that.

    A batch split into micro-batches gives the same gradient when each is divided by the whole
    batch's `total`.
    """
    return (values * mask).sum() / (mask.sum() if total is None else total)


def whiten(values: Tensor, mask: Tensor, shift_mean: bool = True) -> Tensor:
    """`values` (B, T) with variance 1 over the mask, and mean 0 if `shift_mean`.

    The variance is the unbiased one, as in Ziegler et al. 2019 (arXiv 1909.08593) and TRL.
    """
    count = mask.sum()
    mean = masked_mean(values, mask)
    variance = masked_mean((values - mean) ** 2, mask) * count / (count - 1).clamp(min=1)
    white = (values - mean) * torch.rsqrt(variance + 1e-8)
    return white if shift_mean else white + mean


def kl_penalty(old: Tensor, reference: Tensor, kind: str = "kl") -> Tensor:
    """Per-token estimate (B, T) of KL(policy || reference) from samples of the policy, in nats.

    `kl` is k1 (log-ratio), `abs` its magnitude, `mse` half its square (Schulman, "Approximating
    KL divergence", 2020).
    """
    difference = old - reference
    if kind == "kl":
        return difference
    if kind == "abs":
        return difference.abs()
    if kind == "mse":
        return 0.5 * difference**2
    raise ValueError(f"unknown KL estimator: {kind}")


def most_varied(values: Tensor, size: int) -> Tensor:
    """Marks (N,) the `size` of the values (N,) with the greatest variance.

    They are some of the highest and some of the lowest: the best split is found over the sorted
    values (PODS, Xu et al. 2025, arXiv 2504.13818).
    """
    ranked = torch.argsort(values, stable=True)
    chosen = torch.zeros(len(values), dtype=torch.bool, device=values.device)
    size = min(size, len(values))
    # All windows of `size` in a circle that pass over its seam: the highest, then the lowest.
    around = torch.cat([ranked[len(ranked) - size :], ranked[:size]])
    ordered = values[around].double()
    windows = ordered.unfold(0, size, 1)
    best = int(windows.var(1, correction=0).argmax())
    chosen[around[best : best + size]] = True
    return chosen


def last_index(mask: Tensor) -> Tensor:
    """Index (B,) of each sequence's last chosen token."""
    steps = torch.arange(mask.shape[1], device=mask.device)
    return (mask.bool() * steps).argmax(dim=1)


def token_rewards(scores: Tensor, penalties: Tensor, beta: float, mask: Tensor) -> Tensor:
    """r (B, T): -beta * KL at each token, plus the sequence's score (B,) at its last one."""
    return add_at_end(-beta * penalties * mask, scores, mask)


def add_at_end(rewards: Tensor, scores: Tensor, mask: Tensor) -> Tensor:
    """`rewards` (B, T) with a score (B,) more at the last token of `mask` (B, T); where a row has
    none, nothing is added."""
    rows = torch.arange(len(scores), device=scores.device)
    added = rewards.clone()
    added[rows, last_index(mask)] += scores * mask.any(1)
    return added


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al., arXiv 1506.02438), both (B, T).

    delta_t = r_t + gamma V_{t+1} - V_t;  A_t = delta_t + gamma lam A_{t+1};  G_t = A_t + V_t.
    V after the end is 0. Masked tokens inside a sequence are stepped over: the next chosen token
    is the next step.
    """
    advantages = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])
    next_value = torch.zeros_like(rewards[:, 0])
    for t in range(rewards.shape[1] - 1, -1, -1):
        chosen = mask[:, t].bool()
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * lam * following
        following = torch.where(chosen, advantage, following)
        next_value = torch.where(chosen, values[:, t], next_value)
        advantages[:, t] = torch.where(chosen, advantage, torch.zeros_like(advantage))
    return advantages, (advantages + values) * mask


def leave_one_out(scores: Tensor, group: int) -> Tensor:
    """For each score (N,) the mean of the others of its group, `group` in a row (Kool et al. 2019;
    RLOO, Ahmadian et al., arXiv 2402.14740). N is a multiple of `group`, which is at least 2."""
    grouped = scores.reshape(-1, group)
    return ((grouped.sum(1, keepdim=True) - grouped) / (group - 1)).reshape(-1)


def rewards_to_go(rewards: Tensor, mask: Tensor) -> Tensor:
    """The sum (B, T) of a row's rewards from each token on."""
    return (rewards * mask).flip(1).cumsum(1).flip(1) * mask


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """`loss` has a gradient; the rest are numbers to watch."""

    loss: Tensor
    clip_fraction: Tensor
    approx_kl: Tensor


def policy_loss(
    new: Tensor,
    old: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip: float,
    total: Tensor | float | None = None,
) -> PolicyLoss:
    """PPO's clipped surrogate (Schulman et al., arXiv 1707.06347, eq. 7), to be minimised.

    `approx_kl` is half the mean squared log-ratio, as TRL reports it.
    """
    log_ratio = (new - old).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)
    ratio = log_ratio.exp()
    unclipped = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - clip, 1 + clip)
    loss = masked_mean(torch.maximum(unclipped, clipped), mask, total)
    with torch.no_grad():
        fraction = masked_mean((clipped > unclipped).to(mask.dtype), mask, total)
        approx_kl = masked_mean(0.5 * log_ratio**2, mask, total)
    return PolicyLoss(loss, fraction, approx_kl)


def value_loss(
    predicted: Tensor,
    old: Tensor,
    returns: Tensor,
    mask: Tensor,
    clip: float,
    total: Tensor | float | None = None,
) -> tuple[Tensor, Tensor]:
    """Half the mean of the worse of the plain and the clipped squared error, and how often the
    clipped one was worse."""
    near = torch.clamp(predicted, old - clip, old + clip)
    plain, clipped = (predicted - returns) ** 2, (near - returns) ** 2
    loss = 0.5 * masked_mean(torch.maximum(plain, clipped), mask, total)
    fraction = masked_mean((clipped > plain).to(mask.dtype), mask, total)
    return loss, fraction.detach()


def adapt_beta(
    beta: float,
    kl: float,
    target: float,
    step: float,
    limit: float = 0.2,
    rise_limit: float | None = None,
) -> float:
    """The KL coefficient after one update (Ziegler et al. 2019, section 2.2).

    beta * (1 + step * clip(kl / target - 1, -limit, rise_limit)); theirs has one limit for both
    and a `step` of batch / horizon. Ours is made for tens of updates instead of thousands
    (LEARNING 1.4), and may rise faster than it falls: too far is worse than too near.
    """
    error = max(-limit, min(limit if rise_limit is None else rise_limit, kl / target - 1))
    return beta * (1 + step * error)


def k3(new: Tensor, old: Tensor, mask: Tensor) -> Tensor:
    """Low-variance, non-negative KL(old || new) from samples of `old`: mean(r - 1 - log r)."""
    log_ratio = (new - old).clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT)
    return masked_mean(log_ratio.exp() - 1 - log_ratio, mask)
