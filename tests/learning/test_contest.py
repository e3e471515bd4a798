"""Head against reward model: the same pairs for both, and more than chance."""

import numpy as np
import pytest
import torch

from talecraft.learning import contest, taste
from talecraft.learning.labels import Pairs, Scored
from talecraft.process.run_events import TasteLearned


def scored(stars, groups, pairs=None):
    n = len(stars)
    return Scored(
        torch.zeros(n, 1, dtype=torch.float64),
        torch.tensor([float(s) for s in stars], dtype=torch.float64),
        torch.ones(n, dtype=torch.float64),
        np.array(groups),
        np.arange(n),
        Pairs.none() if pairs is None else pairs,
    )


def guesses(stars, noise, seed):
    return np.array(stars) + np.random.default_rng(seed).normal(0, noise, len(stars))


def graded(stories=20, each=10, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(1, 6, stories * each), np.repeat(np.arange(stories), each)


def test_both_are_asked_about_the_pairs_within_a_part_by_hand():
    """Part one: 1 and 3 stars, 5 with them; part two: a preference and a tie. Nothing between."""
    said = Pairs(np.array([3, 3]), np.array([4, 5]), np.array([0.5, 1.0]), np.array([False, True]))
    data = scored([1, 3, 5, 0, 0, 0], [0, 0, 1, 2, 2, 2], said)
    held = [np.array([0, 1, 2]), np.array([3, 4, 5])]
    head = np.array([0.0, 0, 1, 0, 1, 0])  # the ends, a tie between 1 and 3, the preference not
    adapter = np.array([0.0, 1, -1, 1, 0, 0])  # 1 and 3 rightly, 5 below both
    found = contest.decide(head, adapter, data, held, 0)
    assert found.pairs == 4
    assert found.head == pytest.approx((1 + 1 + 0.5) / 3.5)
    assert found.adapter == pytest.approx((1 + 0.5) / 3.5)


def test_a_draw_of_stories_weighs_pairs_as_copies_would():
    """Against the concordance of the copied rows themselves."""
    stars, groups = graded(6, 4)
    rows = np.arange(0, 24, 4)
    said = Pairs(rows, rows + 1, np.full(6, 0.7), np.zeros(6, dtype=bool))
    data = scored(stars, groups, said)
    asked = contest._Asked.of(data, [np.arange(24)])
    values = guesses(stars, 2.0, 1)
    times = np.array([2, 0, 1, 3, 0, 1])
    drawn = np.concatenate([np.repeat(np.arange(24)[groups == g], times[g]) for g in range(6)])
    expected, _ = taste.concordance(values[drawn], stars[drawn], said.rows(drawn, 24))
    found = asked.shares(asked.right(values), times[None].astype(float))
    assert found[0] == pytest.approx(expected)


def test_who_surely_knows_more_is_kept_and_who_only_seems_to_is_not():
    stars, groups = graded()
    data = scored(stars, groups)
    held = contest.parts(data, 4, 0)
    head = guesses(stars, 3.0, 1)
    better = contest.decide(head, guesses(stars, 1.0, 2), data, held, 0)
    assert better.kept
    assert better.gain[0] < better.adapter - better.head < better.gain[1]
    assert "takes the head's place" in better.words
    alike = [contest.decide(head, guesses(stars, 3.0, seed), data, held, 0) for seed in range(8)]
    assert sum(one.kept for one in alike) <= 1
    worse = contest.decide(guesses(stars, 1.0, 2), head, data, held, 0)
    assert not worse.kept
    assert worse.gain == pytest.approx((-better.gain[1], -better.gain[0]))


def test_more_than_a_head_that_knows_nothing_is_not_enough():
    """Surely better than worse than chance, and still nothing to learn by."""
    stars, groups = graded()
    data = scored(stars, groups)
    found = contest.decide(
        -guesses(stars, 1.0, 1), guesses(stars, 1e6, 2), data, contest.parts(data, 4, 0), 0
    )
    assert found.gain[0] > 0
    assert not found.kept


def test_a_dozen_pairs_prove_nothing():
    rows = np.arange(0, 24, 2)
    said = Pairs(rows, rows + 1, np.ones(12), np.zeros(12, dtype=bool))
    data = scored([0] * 24, np.repeat(np.arange(12), 2), said)
    values = np.tile([1.0, 0.0], 12)
    head = values.copy()
    head[:6] *= -1  # three of twelve wrongly
    found = contest.decide(head, values, data, contest.parts(data, 4, 0), 0)
    assert (found.adapter, found.head) == (1.0, 0.75)
    assert found.own[0] < 0.85
    assert found.gain[0] < 0.06
    nothing = contest.decide(head, values, scored([0] * 24, np.arange(24)), [np.arange(24)], 0)
    assert (nothing.pairs, nothing.kept) == (0, False)


def test_parts_are_whole_stories_and_the_heads_folds():
    stars, groups = graded()
    data = scored(stars, groups)
    found = contest.parts(data, 4, 3)
    assert len(found) == 4
    assert sorted(np.concatenate(found)) == list(range(len(data)))
    stories = [set(groups[rows]) for rows in found]
    assert not any(a & b for i, a in enumerate(stories) for b in stories[:i])
    folds = [set(one) for one in taste.folds(data.folds_by, 3)]
    assert all(any(one <= set(rows) for rows in found) for one in folds)


def test_it_is_told_beside_what_was_told_of_the_head():
    told = TasteLearned(60, 6, 300, 0.58, 0.5, 0.66, False, "Dialogue.", "Too little.")
    lost = contest.Contest(0.58, 0.57, (0.5, 0.6), (-0.05, 0.03), 200).event(told)
    assert (lost.concordance, lost.passed, lost.refusal) == (0.58, False, "Too little.")
    assert "200 unseen pairs it ordered 57% as you did, the taste head 58%" in lost.tried
    won = contest.Contest(0.58, 0.7, (0.65, 0.75), (0.05, 0.2), 200).event(told)
    assert (won.concordance, won.low, won.high, won.pairs) == (0.7, 0.65, 0.75, 200)
    assert (won.passed, won.refusal, won.kept, won.words) == (True, "", True, "Dialogue.")
    assert (won.head, won.adapter, won.gain_low, won.gain_high) == (0.58, 0.7, 0.05, 0.2)
