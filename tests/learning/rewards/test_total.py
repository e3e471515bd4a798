"""The total reward, on numbers made by hand."""

import pytest
import torch

from talecraft.learning.rewards.part import Part
from talecraft.learning.rewards.total import LIMIT, WIDEST, Outlines, Reward, Standing
from talecraft.learning.rollouts import Rollout


def written(*proses):
    return [Rollout([1], prose=prose) for prose in proses]


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


def first(features):
    return features[:, 0]


LONG = Part.each(lambda rollout: float(len(rollout.prose)))


REFERENCE = written("a", "aa", "aaa", "aaaa", "aaaaa")
FEATURES = column(-2.0, -1.0, 0.0, 1.0, 2.0)  # quartiles -1 and 1: a deviation of 2 / 1.349


def test_parts_are_in_deviations_of_the_reference():
    reward = Reward(first, {"long": LONG}, {"long": 0.5}, REFERENCE, FEATURES)
    found = reward(written("aaa", "aaaaa"), column(1.0, -1.0))
    deviation = 2.5**0.5  # of 1, 2, 3, 4, 5, unbiased
    expected = [1.349 / 2, -1.349 / 2 + 0.5 * 2 / deviation]
    assert found.total.tolist() == pytest.approx(expected, rel=1e-5)
    assert found.means["taste"] == pytest.approx(0)
    assert found.means["long"] == pytest.approx(0.5 / deviation, rel=1e-5)


def test_one_odd_sample_does_not_make_all_others_alike():
    plain = Reward(first, {}, {}, REFERENCE, FEATURES)
    odd = Reward(first, {}, {}, REFERENCE, column(-2.0, -1.0, 0.0, 1.0, 500.0))
    x = column(1.0)
    assert float(odd.taste(x)) == pytest.approx(float(plain.taste(x)), rel=1e-5)


def test_what_the_reference_writes_often_enough_may_count_for_more():
    """A hundred samples, quartiles -1 and 1. Ten that stand out by 4 deviations widen the limit to
    4 on their side alone, by 9 to no more than 5; two leave it, and so does a normal spread."""
    deviation = 2 / 1.349

    def among(count, far):
        usual = [-1.0] * 30 + [0.0] * 40 + [1.0] * (30 - count) + [abs(far) * deviation] * count
        values = torch.tensor(usual, dtype=torch.float64)
        return Standing.of(values if far > 0 else -values)

    assert (among(10, 4.0).low, among(10, 4.0).high) == pytest.approx((-LIMIT, 4))
    assert (among(10, -4.0).low, among(10, -4.0).high) == pytest.approx((-4, LIMIT))
    assert among(10, 9.0).high == WIDEST
    assert among(2, 9.0).high == LIMIT
    assert among(0, 1.0).high == LIMIT
    far = torch.tensor([99.0, -99.0], dtype=torch.float64)
    assert among(10, 4.0)(far).tolist() == pytest.approx([4, -LIMIT])


def test_where_most_are_alike_what_differs_is_odd():
    few = torch.tensor([0.0] * 80 + [1e-4] * 20, dtype=torch.float64)
    assert Standing.of(few)(few).max() == LIMIT


def test_the_limit_of_the_taste_is_that_of_the_whole():
    rare = column(*[-1.0, -0.5, 0.0, 0.5, 1.0] * 4, 20.0, 20.0)
    reward = Reward(first, {"long": LONG}, {"long": 1.0}, REFERENCE, rare)
    found = reward(written("aaaaa", "aaaaa", ""), column(20.0, -99.0, 20.0))
    assert found.total[0] == WIDEST, "with what its length adds no more"
    assert found.total[2] == -LIMIT, "its own side has not been widened"


def test_the_total_is_limited_and_silence_is_worth_least():
    reward = Reward(first, {}, {}, REFERENCE, FEATURES)
    found = reward(written("a", "a", "… ?!\n"), column(99.0, -99.0, 99.0))
    assert found.total.tolist() == [LIMIT, -LIMIT, -LIMIT]


def test_a_part_that_never_varied_is_not_blown_up():
    same = written("aaa", "aaa", "aaa")
    reward = Reward(first, {"long": LONG}, {"long": 1.0}, same, column(-1.0, 0.0, 1.0))
    found = reward(written("aaa", "aaaa"), column(0.0, 0.0))
    assert found.total.tolist() == pytest.approx([0.0, LIMIT]), "10 deviations, limited to 3"


def test_outlines_are_worth_something_of_their_own():
    """By the median and the quartiles of the reference's outlines; the prose's total stays."""
    judged = Outlines(first, column(0.0, 2.0, 4.0, 6.0, 8.0))
    reward = Reward(first, {}, {}, REFERENCE, FEATURES, judged)
    found = reward(written("aaa", "aaa"), column(1.0, 1.0), column(6.0, 400.0))
    assert found.outline.tolist() == pytest.approx([1.349 / 2, LIMIT], rel=1e-5)
    assert found.total.tolist() == pytest.approx([1.349 / 2] * 2, rel=1e-5)
    assert found.means["outline"] == pytest.approx((1.349 / 2 + LIMIT) / 2)
    plain = Reward(first, {}, {}, REFERENCE, FEATURES)(written("a"), column(1.0))
    assert (plain.outline.tolist(), "outline" in plain.parts) == ([0.0], False)


def test_what_the_plan_decides_is_earned_where_it_ends():
    """Of a whole of 1 to 5, weighed by a half, the plan decides a tenth of the letters."""
    part = Part.each(lambda one: float(len(one.prose)), of_plan=lambda one: len(one.prose) / 10)
    reward = Reward(None, {"long": part}, {"long": 0.5}, REFERENCE)
    found = reward(written("aaa", "aaaaa", ""))
    deviation = 2.5**0.5
    assert found.early.tolist() == pytest.approx([0, 0.1 / deviation, -0.15 / deviation], rel=1e-5)
    assert found.at_plan.tolist() == found.early.tolist()
    whole = [0, 1 / deviation, -LIMIT]
    assert (found.at_plan + found.at_end).tolist() == pytest.approx(whole, rel=1e-5)
    assert found.total.tolist() == pytest.approx(whole, rel=1e-5)
    plain = Reward(None, {"long": LONG}, {"long": 0.5}, REFERENCE)(written("aaaa"))
    assert plain.at_plan.tolist() == [0]
