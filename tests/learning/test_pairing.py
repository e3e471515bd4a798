"""Which passages are read together, and what is compared."""

import numpy as np
import torch

from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.pairing import lay_out
from talecraft.process.run_events import RewardModelSettings

ONCE = RewardModelSettings(epochs=1)


def scored(stars, prompts=None, pairs=None):
    n = len(stars)
    return Scored(
        torch.zeros(n, 1, dtype=torch.float64),
        torch.tensor([float(s) for s in stars], dtype=torch.float64),
        torch.ones(n, dtype=torch.float64),
        np.zeros(n),
        np.array(prompts if prompts is not None else range(n)),
        Pairs.none() if pairs is None else pairs,
    )


def told(company):
    """Its pairs as (better row, worse row, margin), and how often."""
    found = {}
    rows = company.rows.tolist()
    for at, other, margin in zip(company.better, company.worse, company.margins, strict=True):
        pair = (rows[at], rows[other], float(margin))
        found[pair] = found.get(pair, 0) + 1
    return found


def test_pairs_and_margins_by_hand():
    """Grades 5 and 2 of one prompt; a choice of another, one of the two with a grade; 3 alone; and
    a passage that nothing was said of."""
    said = Pairs(np.array([2]), np.array([3]), np.ones(1), np.array([False]))
    data = scored([5, 2, 0, 1, 3, 0], [0, 0, 1, 1, 2, 3], said)
    (company,) = lay_out(data, 8, ONCE, 0)
    assert sorted(company.rows) == [0, 1, 2, 3, 4]
    assert told(company) == {
        (2, 3, 0.0): 4, (0, 1, 0.75): 4, (0, 3, 1.0): 1, (1, 3, 0.25): 1, (0, 4, 0.5): 1,
        (4, 1, 0.25): 1, (4, 3, 0.5): 1,
    }  # fmt: skip


def test_every_passage_comes_once_an_epoch_and_what_was_compared_comes_together():
    random = np.random.default_rng(1)
    prompts = np.repeat(np.arange(30), 2)
    data = scored(random.integers(1, 6, 60), prompts)
    companies = lay_out(data, 8, RewardModelSettings(epochs=3), 5)
    rows = np.concatenate([one.rows for one in companies])
    assert sorted(rows) == sorted(np.repeat(np.arange(60), 3))
    assert max(len(one.rows) for one in companies) == 8
    stars = data.stars.numpy()
    apart = {(2 * i, 2 * i + 1) for i in range(30) if stars[2 * i] != stars[2 * i + 1]}
    together = {pair for one in companies for pair in apart if set(pair) <= set(one.rows.tolist())}
    assert together == apart
    assert all(len(one.better) for one in companies)


def test_the_order_follows_from_the_seed_and_differs_from_epoch_to_epoch():
    data = scored(np.tile([1, 3, 5], 8))
    one, same, other = (lay_out(data, 8, RewardModelSettings(epochs=2), seed) for seed in (1, 1, 2))
    orders = [np.concatenate([c.rows for c in found]).tolist() for found in (one, same, other)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0][:24] != orders[0][24:]


def test_many_drafts_of_one_prompt_are_cut_to_what_there_is_room_for():
    data = scored(np.tile([1, 2, 3, 4, 5], 4), [0] * 20)
    companies = lay_out(data, 8, ONCE, 0)
    assert sorted(np.concatenate([one.rows for one in companies])) == list(range(20))
    assert max(len(one.rows) for one in companies) <= 8


def test_of_opinions_that_are_all_alike_nothing_is_laid_out():
    assert lay_out(scored([4] * 12), 8, ONCE, 0) == []
    assert lay_out(scored([0] * 12), 8, ONCE, 0) == []
