"""What a run told holds as it was told last: also where it was killed, went on, or is older."""

from __future__ import annotations

from talecraft.process.run_events import Drawn, RunPhase
from talecraft.studio.figures import FIGURES, PATTERN
from talecraft.studio.reporting.told import gather
from tests.support import paper


def test_what_is_told_twice_holds_as_it_was_told_last() -> None:
    """A run that was killed in its second update takes it again."""
    first = [Drawn(1, [paper.turn(0.5)]), paper.step(1)]
    killed = [Drawn(2, [paper.turn(9.0)]), paper.step(2, 9.0), Drawn(3, [paper.turn(9.0)])]
    again = [RunPhase("Going on"), Drawn(2, [paper.turn(1.0)]), paper.step(2, 1.0)]
    told = gather(paper.run(), [*first, *killed, *again])
    assert [(one.step, one.reward) for one in told.steps] == [(1, 0.5), (2, 1.0)]
    assert [[turn.total for turn in one.turns] for one in told.drawn] == [[0.5], [1.0]]
    assert told.turns == 2


def test_turns_of_an_update_that_is_not_over_are_there() -> None:
    told = gather(paper.run("running"), [paper.step(1), Drawn(2, [paper.turn(1.0)])])
    assert [one.step for one in told.drawn] == [2]
    assert told.going


def test_an_end_that_was_none_is_forgotten() -> None:
    ended = paper.outcome("cancelled")
    assert gather(paper.run(), [paper.step(1), ended]).outcome == ended
    assert gather(paper.run(), [paper.step(1), ended, RunPhase("Going on")]).outcome is None


def test_what_another_version_ordered_is_unknown() -> None:
    assert gather(paper.run(settings="{}"), []).order is None
    read = gather(paper.run(), []).order
    assert read is not None
    assert read.seed == 7


def test_the_kind_of_its_steps_says_what_they_are_measured_by() -> None:
    assert gather(paper.run(), paper.ppo_events()).kind.page == FIGURES
    assert gather(paper.run(), paper.pattern_events()).kind.page == PATTERN
