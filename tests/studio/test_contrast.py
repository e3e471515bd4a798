"""Which pair is asked about: numbers worked out by hand from C <- (C^-1 + d d' / 4)^-1.

A draft here is its first two traits; the others are the same everywhere and tell nothing.
"""

from __future__ import annotations

from math import sqrt

import pytest

from talecraft.story.traits import TRAITS
from talecraft.studio.contrast import Contrast


def draft(first: float, second: float = 0.0) -> list[float]:
    return [first, second, *[7.0] * (len(TRAITS) - 2)]


def unknown(contrast: Contrast) -> list[float]:
    """What is unknown of the first two traits and of both together."""
    c = contrast._unknown
    assert c[0][1] == c[1][0]
    return [c[0][0], c[1][1], c[0][1]]


def close(*numbers: float) -> object:
    return pytest.approx(list(numbers), rel=1e-5)


def test_an_answer_makes_known_what_it_tells_and_no_more() -> None:
    contrast = Contrast()
    contrast.add(1, [draft(0, 1), draft(4, 1)])
    assert unknown(contrast) == close(1, 1, 0)
    # 0 and 4 are one deviation below and above their mean: d = (-2, 0), and 1 + 4/4 = 2.
    assert contrast.next() == (1, 0, 1)
    assert unknown(contrast) == close(1 / 2, 1, 0)
    # The second trait is now 1, 1, -1, 3: deviation sqrt(2), d = (-2, -2 sqrt(2)). C^-1 was
    # (2 0; 0 1) and is (3 sqrt(2); sqrt(2) 3), whose determinant is 7.
    contrast.add(2, [draft(0, -1), draft(4, 3)])
    assert contrast.next() == (2, 0, 1)
    assert unknown(contrast) == close(3 / 7, 3 / 7, -sqrt(2) / 7)
    others = [row[j] for i, row in enumerate(contrast._unknown) for j in range(2, len(row))]
    assert sum(others) == len(TRAITS) - 2, "the traits that were alike are as unknown as before"
    assert contrast.next() is None


def test_what_was_asked_already_gives_way_to_what_was_not() -> None:
    """Five pairs at plus and minus sqrt(x), the x of each trait 100 in all: its variance over the
    ten drafts is 20, and a pair tells 4x/20 = x/5 before anything is known of its trait."""
    contrast = Contrast()
    for group, (x, second) in enumerate(
        [(25, True), (48, False), (40, True), (52, False), (35, True)]
    ):
        far = sqrt(x)
        ends = (draft(0, far), draft(0, -far)) if second else (draft(far), draft(-far))
        contrast.add(group, ends)
    # 10.4 is most; it leaves 1/3.6 of the first trait, so 8 comes before 9.6/3.6 = 2.67; that
    # leaves 1/3 of the second: 2.67, then 7/3 and 5/3. Nothing learned, 1 would come before 2.
    asked = [contrast.next() for _ in range(5)]
    assert asked == [(group, 0, 1) for group in (3, 2, 1, 4, 0)]
    # All was asked: 1 + 100/5/4 = 6 along either.
    assert unknown(contrast) == close(1 / 6, 1 / 6, 0)


def test_of_a_group_the_two_that_differ_most_are_asked_about() -> None:
    contrast = Contrast()
    contrast.add(5, [draft(3), draft(1), draft(4), draft(2)])
    assert contrast.next() == (5, 1, 2)
    assert contrast.next() is None, "a group is asked about once"


@pytest.mark.parametrize("where", [17, -17])
def test_one_odd_draft_counts_as_three_deviations(where: int) -> None:
    """Of 17 drafts one is elsewhere: 4 deviations from the mean, which the others are 1/4 from."""
    contrast = Contrast()
    contrast.add(1, [draft(0)] * 16 + [draft(where)])
    assert contrast.next() == (1, 0, 16)
    # d = 3 + 1/4: 1 / (1 + 3.25^2 / 4) = 64 / 233
    assert unknown(contrast) == close(64 / 233, 1, 0)


def test_the_scale_is_that_of_all_drafts_seen_also_of_those_asked_about() -> None:
    contrast = Contrast()
    contrast.add(1, [draft(-7), draft(7)])
    assert contrast.next() == (1, 0, 1)
    # Of -7, 7, -1, 1 the variance is 25: d = 2/5, and C^-1 = 2 + 0.04.
    contrast.add(2, [draft(1), draft(-1)])
    assert contrast.next() == (2, 0, 1)
    assert unknown(contrast) == close(1 / 2.04, 1, 0)
