"""The figures of steps: their courses in words, and that a new kind of step needs no more."""

from __future__ import annotations

import pytest

from talecraft.process.run_events import Drawn, RunPhase
from talecraft.studio import figures
from talecraft.studio.figures import AnyStep, course, duration, figures_of, is_step, take
from tests.support import paper


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0], "unchanged"),
        ([2.0, 2.0, 2.0], "unchanged"),
        ([1.0, 3.0, 2.0], "up from x"),
        ([1.0, 2.0, 3.0], "up from x, its highest"),
        ([3.0, 2.0, 1.0], "down from x, its lowest"),
        ([3.0, 1.0, 2.0], "down from x"),
        ([1.0, 5.0, 1.0], "now as at first"),
    ],
)
def test_a_course_in_words(values: list[float], told: str) -> None:
    assert course("x", values) == told


def test_each_kind_of_step_has_its_figures() -> None:
    assert figures_of([paper.step(1)]) is figures.FIGURES
    assert figures_of([paper.pattern_step(1)]) is figures.PATTERN
    assert is_step(paper.step(1))
    assert is_step(paper.pattern_step(1))
    assert not is_step(Drawn(1, []))
    assert not is_step(RunPhase("Practising"))


def test_every_figure_says_what_it_is_and_what_it_means() -> None:
    for step in (paper.step(1), paper.pattern_step(1)):
        kind = figures.KINDS[type(step)]
        for one in (*kind.page, *kind.paper):
            assert one.shown(one.of(step))
            assert one.means(step)
            assert one.technical.isascii()


def test_a_step_that_is_taken_again_replaces_it_and_what_followed() -> None:
    steps: list[AnyStep] = []
    for number in (1, 2, 3, 2):
        take(steps, paper.step(number, float(len(steps))))
    assert [(one.step, one.reward) for one in steps] == [(1, 0.0), (2, 3.0)]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.2, "1 s"), (54, "54 s"), (56, "1 min"), (3600, "1 h"), (4800, "1 h 20 min")],
)
def test_a_length_of_time_in_words(seconds: float, told: str) -> None:
    assert duration(seconds) == told
