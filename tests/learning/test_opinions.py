"""Opinions as data to learn from, by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from talecraft.learning import opinions
from talecraft.learning.features import Passage
from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.opinions import Mark, Response
from talecraft.process.evidence import Episode


def passages(count):
    """Prompt 10, plan 20, then prose of three ids of its own and the end of the turn."""
    return [Passage([10], [20, n, n, n, 30], 1, 4, f"prose {n}") for n in range(count)]


def said(stars, prompts, better=(), worse=(), ties=()):
    n = len(stars)
    pairs = Pairs(
        np.array(better, dtype=np.int64), np.array(worse, dtype=np.int64),
        np.ones(len(better)), np.array(ties or [False] * len(better), dtype=bool),
    )  # fmt: skip
    return Scored(
        torch.zeros(n, 12), torch.tensor(stars, dtype=torch.float64), torch.ones(n),
        np.arange(n), np.array(prompts), pairs,
    )  # fmt: skip


def prose(response):
    return response.ids[response.start : response.end]


def test_only_the_prose_is_learned():
    response = Response.of(passages(8)[7])
    assert response.ids == (10, 20, 7, 7, 7)
    assert prose(response) == (7, 7, 7)
    after = response.after(Response((1, 2, 3, 4, 5), 3, 5))
    assert (after.ids, after.start, after.end) == ((10, 20, 4, 5), 2, 4)


def test_pairs_are_choices_and_grades_after_one_prompt():
    found = opinions.pairs(
        passages(6), said([5, 3, 3, 4, 0, 0], [0, 0, 1, 1, 2, 2], [5, 4], [4, 5], [False, True])
    )
    told = [(prose(one.chosen)[0], prose(one.rejected)[0]) for one in found]
    assert sorted(told) == [(0, 1), (3, 2), (5, 4)], "no tie, no two prompts, no half a star"


def test_marks_are_clear_grades_and_what_was_always_on_one_side():
    found = opinions.marks(passages(7), said([5, 4, 3, 2, 0, 0, 0], range(7), [4, 5], [5, 6]))
    told = [(prose(one.response)[0], one.good) for one in found]
    assert told == [(0, True), (1, True), (3, False), (4, True), (6, False)]


def test_texts_are_five_stars_and_edits():
    episodes = [
        Episode(1, 1, [10], [20, 0], 1, 2, "a", stars=5),
        Episode(2, 1, [10], [20, 0], 1, 2, "b", stars=4),
        Episode(3, 1, [10], [20, 0], 1, 2, "c", edited=True),
    ]
    assert [prose(one)[0] for one in opinions.texts(passages(3), episodes)] == [0, 2]


@given(st.integers(1, 60), st.integers(1, 60))
def test_the_two_sides_weigh_about_the_same(good, bad):
    response = Response((1, 2), 1, 2)
    found = [Mark(response, True)] * good + [Mark(response, False)] * bad
    weights = opinions.balance(found)
    assert min(weights) == 1, "only the rarer side is raised"
    ratio = weights[0] * good / (weights[1] * bad)
    assert 1 - 1e-9 <= ratio <= 4 / 3 + 1e-9


@pytest.mark.parametrize(("count", "epochs", "batch"), [(5, 3, 4), (16, 1, 16), (3, 1, 8)])
def test_every_epoch_has_each_once(count, epochs, batch):
    order = opinions.order(count, epochs, batch, 1)
    assert len(order) % batch == 0
    assert len(order) - count * epochs < batch or count * epochs < batch
    for epoch in range(epochs):
        here = order[epoch * count : (epoch + 1) * count]
        assert sorted(here.tolist()) == list(range(count))
    assert (order == opinions.order(count, epochs, batch, 1)).all()
    if count > 3:
        assert (order != opinions.order(count, epochs, batch, 2)).any()
