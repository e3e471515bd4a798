"""The numbers that are drawn, and the words that say what they show."""

from __future__ import annotations

import pytest

from talecraft.process.run_events import Drawn, RunEvent
from talecraft.studio.reporting.curves import Curve, curves, moving_average
from talecraft.studio.reporting.told import gather
from tests.support import paper


def drawn(events: list[RunEvent], **run: str) -> dict[str, Curve]:
    return {one.id: one for one in curves(gather(paper.run(**run), events))}


def test_a_moving_average_by_hand() -> None:
    """Span 3: each weighs half of the next. 1; (2 + 1/2) / 1.5; (4 + 1 + 1/4) / 1.75."""
    assert moving_average([1.0, 2.0, 4.0], 3) == pytest.approx([1.0, 5 / 3, 3.0], rel=1e-5)
    assert moving_average([-2.0, 5.0], 1) == pytest.approx([-2.0, 5.0], rel=1e-5)
    assert moving_average([3.0] * 5, 64) == pytest.approx([3.0] * 5, rel=1e-5)


def test_the_reward_is_drawn_by_updates_by_turns_and_as_their_moving_average() -> None:
    reward = drawn(paper.ppo_events())["reward"]
    means, average, dots = reward.lines
    assert (means.look, means.x, means.y) == ("line", [1.0, 2.0], [0.5, 1.5])
    assert (dots.look, dots.x) == ("dots", [0.75, 1.25, 1.75, 2.25])
    assert dots.y == [0.25, 0.75, 1.0, 2.0]
    # Span 2, the turns of an update: each weighs a third of the next.
    third = 1 / 3
    by_hand = [
        0.25,
        (0.75 + third * 0.25) / (1 + third),
        (1.0 + third * 0.75 + third**2 * 0.25) / (1 + third + third**2),
        (2.0 + third + third**2 * 0.75 + third**3 * 0.25) / (1 + third + third**2 + third**3),
    ]
    assert average.look == "average"
    assert average.x == dots.x
    assert average.y == pytest.approx(by_hand, rel=1e-5)
    assert reward.words == (
        "Last: +1.50, up from +0.50, its highest. Moving average over 2 turns: +1.64, up from"
        " +0.25, its highest. 4 single turns: +0.25 to +2.00."
    )


def test_where_the_reward_is_cut_off_that_is_said() -> None:
    events = [Drawn(1, [paper.turn(3.0), paper.turn(3.0), paper.turn(3.0)]), paper.step(1)]
    assert "3 of them have the highest value there is" in drawn(events)["reward"].words


def test_events_of_an_older_version_have_no_turns() -> None:
    events = [event for event in paper.ppo_events() if not isinstance(event, Drawn)]
    lines = drawn(events)["reward"].lines
    assert [one.look for one in lines] == ["line", "average"]
    assert lines[1].name == "moving average over 4 updates"


def test_one_update_has_no_moving_average() -> None:
    assert [one.look for one in drawn([paper.step(1)])["reward"].lines] == ["line"]


def test_each_part_of_the_reward_is_a_line() -> None:
    parts = drawn(paper.ppo_events())["parts"]
    assert [(one.name, one.y) for one in parts.lines] == [
        ("your taste", [0.75, 1.75]),
        ("length", [-0.25, -0.25]),
    ]
    assert parts.words == "Your taste: +1.75, up from +0.75, its highest. Length: -0.25, unchanged."
    assert "parts" not in drawn([paper.step(1, parts={})])


def test_the_distance_has_its_target_and_its_hard_stop_at_twice_that() -> None:
    distance = drawn([paper.step(1), paper.step(2), paper.step(3, kl=7.0)])["distance"]
    assert [(one.look, one.y) for one in distance.lines] == [
        ("line", [2.0, 4.0, 7.0]),
        ("bound", [3.0]),
        ("stop", [6.0]),
    ]
    assert "Over its aim (3): first at update 2. Over its end (6): first at update 3." in (
        distance.words
    )
    assert "Over its end (6): never." in drawn([paper.step(1)])["distance"].words


def test_repetition_and_ends_are_shares_in_one_picture() -> None:
    found = drawn(paper.ppo_events())
    assert "finished" not in found
    assert [one.y for one in found["repetition"].lines] == [[0.1, 0.1], [0.95, 0.95]]
    assert found["repetition"].percent


def test_an_update_that_stopped_the_run_has_no_figures_of_learning() -> None:
    stopped = paper.step(
        2, kl=7.0, note="Too far.", clip_fraction=0.0, value_loss=0.0, policy_loss=0.0
    )
    found = drawn([paper.step(1), stopped])
    for name in ("clipped", "value", "policy"):
        assert found[name].lines[0].x == [1.0], name
    assert found["distance"].lines[0].x == [1.0, 2.0]


def test_every_figure_of_a_run_is_drawn() -> None:
    assert list(drawn(paper.ppo_events())) == [
        "reward", "parts", "distance", "entropy", "clipped", "value", "length", "repetition",
        "policy", "rein", "seconds",
    ]  # fmt: skip


def test_a_run_on_the_pattern_has_its_own_curves() -> None:
    found = drawn(paper.pattern_events(), method="pattern")
    assert list(found) == ["loss", "rate", "one-shot"]
    loss = found["loss"]
    assert [(one.x, one.y) for one in loss.lines] == [
        ([10.0, 20.0], [3.9, 3.8]),
        ([10.0, 20.0], [4.1, 4.1]),
    ]
    assert not loss.from_nought
    assert loss.steps == "step"
