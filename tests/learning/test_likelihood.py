"""The taste head's objective by hand, and its slopes against autograd."""

import numpy as np
import pytest
import torch

from talecraft.learning import likelihood
from talecraft.learning.likelihood import Opinions

NO_PAIRS = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def test_ordinal_likelihood_by_hand():
    """Two thresholds at 0 and 1, u = 0.5: sigma(-.5), sigma(.5) - sigma(-.5), 1 - sigma(.5)."""
    cuts = np.array([0.0, 0.0])  # the first threshold, then the log of the gap
    losses, _, _ = likelihood.ordinal(np.full(3, 0.5), np.arange(3), cuts, np.array([1.0, 2, 1]))
    low, mid = 0.37754066879814546, 0.6224593312018546 - 0.37754066879814546
    np.testing.assert_allclose(losses, -np.log([low, mid, low]) * [1, 2, 1], rtol=1e-5)


def test_ordinal_probabilities_add_up_to_one_far_out_too():
    cuts = np.array([-1.0, 0.1, -0.3, 0.5])
    for where in (-30.0, -2.0, 0.0, 5.0, 30.0):
        losses, _, _ = likelihood.ordinal(np.full(5, where), np.arange(5), cuts, np.ones(5))
        assert np.exp(-losses).sum() == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("grades", [1, 2, 5])
def test_slopes_are_those_of_autograd(grades):
    random = np.random.default_rng(grades)
    said = Opinions(
        rows=np.arange(2, 12),
        grade=np.concatenate([np.arange(grades), random.integers(0, grades, 10 - grades)]),
        weights=random.uniform(0.5, 2, 10),
        better=np.array([0, 3, 3, 5]),
        worse=np.array([1, 4, 6, 3]),
        pair_weights=np.array([1.0, 0.5, 0.25, 2.0]),
    )
    u = random.normal(size=12)
    cuts = random.normal(size=grades - 1)
    value, by_u, by_cuts = likelihood.negative_log_likelihood(u, cuts, said)

    u_, cuts_ = (torch.tensor(one, requires_grad=True) for one in (u, cuts))
    edges = torch.cat([cuts_[:1], cuts_[:1] + torch.cumsum(cuts_[1:].exp(), 0)])
    below = torch.sigmoid(edges - u_[said.rows][:, None])
    chances = torch.diff(
        torch.cat([torch.zeros(10, 1), below, torch.ones(10, 1)], 1).double(), dim=1
    )
    given = chances.gather(1, torch.from_numpy(said.grade)[:, None])[:, 0]
    margin = u_[said.better] - u_[said.worse]
    loss = -(torch.from_numpy(said.weights) * given.log()).sum()
    loss = loss - (torch.from_numpy(said.pair_weights) * torch.sigmoid(margin).log()).sum()
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-9)
    np.testing.assert_allclose(by_u, u_.grad.numpy(), rtol=1e-7, atol=1e-12)
    if grades > 1:
        np.testing.assert_allclose(by_cuts, cuts_.grad.numpy(), rtol=1e-7, atol=1e-12)
    else:
        assert len(by_cuts) == 0, "one grade for all has no threshold, and says nothing"


def test_a_minimum_does_not_depend_on_where_it_was_sought_from():
    random = np.random.default_rng(0)
    z = random.normal(size=(30, 8))
    grade = np.concatenate([np.arange(4), random.integers(0, 4, 26)])
    said = Opinions(np.arange(30), grade, np.ones(30), *NO_PAIRS)
    _, warm = likelihood.minima(z, said, (30.0, 3.0))
    (cold,) = likelihood.minima(z, said, (3.0,))
    np.testing.assert_allclose(warm, cold, rtol=1e-4, atol=1e-7)


def test_where_nothing_was_said_nothing_is_liked():
    nobody = Opinions(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), *NO_PAIRS)
    (w,) = likelihood.minima(np.ones((3, 2)), nobody, (1.0,))
    assert w.tolist() == [0.0, 0.0]
