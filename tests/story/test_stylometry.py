"""What a manner is told by."""

from __future__ import annotations

import math

import pytest

from talecraft.story.stylometry import MARKS, SMALL_WORDS, WIDTH, stylometry


def figure(prose: str, of: str) -> float:
    names = [*MARKS, *SMALL_WORDS]
    return stylometry(prose)[names.index(of)]


def test_rates_are_roots_of_how_many_a_word() -> None:
    prose = "The fox ran; the owl, the old owl, slept."
    assert figure(prose, "the") == pytest.approx(math.sqrt(3 / 9))
    assert figure(prose, ",") == pytest.approx(math.sqrt(2 / 9))
    assert figure(prose, ";") == pytest.approx(math.sqrt(1 / 9))
    assert figure(prose, "upon") == 0


def test_what_is_told_does_not_matter_and_the_printers_quotes_do_not() -> None:
    assert stylometry("The fox saw it.") == stylometry("The owl ate it.")
    assert stylometry("“Oh,” it said.") == stylometry('"Oh," it said.')


@pytest.mark.parametrize("prose", ["", " \n", "?!", "…", "a" * 10_000])
def test_whatever_comes_has_as_many_figures_all_of_them_numbers(prose: str) -> None:
    found = stylometry(prose)
    assert len(found) == WIDTH
    assert all(map(math.isfinite, found))
