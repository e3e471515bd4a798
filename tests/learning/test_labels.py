"""What the writer said as numbers: pairs that follow their rows, and the concordance by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from talecraft.learning.labels import Pairs, Scored, concordance


def pairs(*said, ties=(), weights=None):
    better, worse = zip(*said, strict=True) if said else ((), ())
    return Pairs(
        np.array(better, dtype=np.int64),
        np.array(worse, dtype=np.int64),
        np.array(weights if weights is not None else [1.0] * len(said)),
        np.isin(range(len(said)), ties),
    )


def test_concordance_by_hand():
    stars = np.array([1, 2, 3, 3])
    assert concordance(np.array([0.0, 1, 2, 3]), stars, Pairs.none()) == (1.0, 5)
    assert concordance(np.array([3.0, 2, 1, 0]), stars, Pairs.none()) == (0.0, 5)
    assert concordance(np.zeros(4), stars, Pairs.none()) == (0.5, 5)
    assert concordance(np.zeros(2), np.array([4, 4]), Pairs.none()) == (0.5, 0)


def test_choices_count_beside_grades_and_ties_do_not():
    """Two graded passages and two choices, one of them foretold wrongly; a tie; no grade at all."""
    stars = np.array([1, 5, 0, 0, 0, 0])
    u = np.array([0.0, 1, 2, 1, 1, 3])
    said = pairs((2, 3), (4, 5), (2, 5), ties=(2,))
    assert concordance(u, stars, said) == (pytest.approx(2 / 3), 3)
    assert concordance(u, np.zeros(6), said) == (0.5, 2)
    assert concordance(u, np.zeros(6), pairs((0, 1), ties=(0,))) == (0.5, 0)


def test_an_edit_counts_by_its_weight():
    said = pairs((0, 1), (2, 3), weights=[1.0, 0.25])
    assert concordance(np.array([1.0, 0, 0, 1]), np.zeros(4), said)[0] == pytest.approx(0.8)


def test_pairs_follow_their_rows():
    said = pairs((0, 1), (2, 3), (4, 5), ties=(2,))
    kept = said.rows(np.array([5, 4, 2, 3]), 6)
    assert list(zip(kept.better, kept.worse, kept.ties, strict=True)) == [
        (2, 3, False),
        (1, 0, True),
    ]


def test_a_pair_drawn_twice_weighs_twice():
    said = pairs((0, 1), (2, 3))
    drawn = said.rows(np.array([2, 3, 0, 1, 2, 3]), 4)
    assert list(zip(drawn.better, drawn.worse, drawn.weights, strict=True)) == [
        (2, 3, 1.0),
        (0, 1, 2.0),
    ]


def test_half_of_a_pair_is_no_pair():
    assert len(pairs((0, 1)).rows(np.array([0]), 2)) == 0


def scored(stars, said):
    n = len(stars)
    numbers = torch.tensor([float(one) for one in stars], dtype=torch.float64)
    return Scored(torch.zeros(n, 1), numbers, torch.ones(n), np.arange(n), np.arange(n), said)


@pytest.mark.parametrize(
    ("stars", "said", "opinions", "one_sided"),
    [
        ([3, 3, 3], Pairs.none(), 3, True),
        ([3, 3, 4], Pairs.none(), 3, False),
        ([0, 0], pairs((0, 1)), 1, False),
        ([0, 0], pairs((0, 1), ties=(0,)), 1, True),
        ([3, 0], Pairs.none(), 1, True),
    ],
)
def test_what_there_is_to_learn_from(stars, said, opinions, one_sided):
    found = scored(stars, said)
    assert (found.opinions, found.one_sided) == (opinions, one_sided)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=2, max_size=30).filter(
        lambda said: len({stars for stars, _ in said if stars}) > 1
    )
)
def test_concordance_is_that_of_all_pairs_looked_at_one_by_one(said):
    """Passages without a grade (0) are in no pair; equal predictions count half."""
    stars, u = (np.array(one, dtype=float) for one in zip(*said, strict=True))
    looked_at = [
        0.5 if u[a] == u[b] else float((u[a] > u[b]) == (stars[a] > stars[b]))
        for a in range(len(said))
        for b in range(a)
        if 0 < stars[a] != stars[b] > 0
    ]
    share, count = concordance(u, stars, Pairs.none())
    assert (share, count) == (pytest.approx(np.mean(looked_at)), len(looked_at))
