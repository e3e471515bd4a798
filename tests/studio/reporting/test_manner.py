"""What a run learned of a manner, on paper."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from PIL import Image

from talecraft.paths import home
from talecraft.process.run_events import Estimate, MannerLearned, MannerStage, RunEvent
from talecraft.studio.reporting import manner
from talecraft.studio.reporting.drawing import Plotter
from talecraft.studio.reporting.told import gather
from talecraft.studio.reporting.writing import write
from tests.support import paper


def about(value: float) -> Estimate:
    return Estimate(value, value - 0.05, value + 0.05)


def learned(author: str = "Ada Vane") -> MannerLearned:
    stages = [
        MannerStage("before", about(0.2), about(0.3), 0.1, about(0.7), 20.0),
        MannerStage("sft", about(0.4), about(0.2), 0.5, about(0.65), 16.0),
        MannerStage("grpo", about(0.6), about(0.1), 0.8, about(0.66), 17.0),
    ]
    return MannerLearned(author, 57, 40, 0.75, -0.01, stages, [about(0.2), about(0.2), about(0.4)])


def test_every_stage_is_a_row_and_the_authors_own_chunks_are_the_last() -> None:
    found = manner.rows(learned())
    assert [one.name for one in found] == [
        "before", "after SFT", "after GRPO", "Ada Vane's own",
    ]  # fmt: skip
    assert found[2] == ("after GRPO", "0.600", "0.550 to 0.650", "0.100", "80%", "66%", "17.0")
    assert all(len(one) == len(manner.HEAD) for one in found)
    assert manner.gain_words(learned().gains[1]) == "+0.200 (90 % sure: +0.150 to +0.250)"


def test_the_picture_is_a_png_of_its_size() -> None:
    drawn = manner.picture(learned(), Plotter(home().cache))
    with Image.open(io.BytesIO(drawn)) as picture:
        assert picture.format == "PNG"
        assert picture.size == (1520, 580)


@pytest.mark.parametrize("author", ["Ada Vane", "<script>alert(1)</script>\x1b[2J $x$"])
def test_the_report_of_such_a_run_holds_table_and_picture_whatever_the_name(author: str) -> None:
    events: list[RunEvent] = [*paper.ppo_events(), learned(author), paper.outcome()]
    told = gather(paper.run(), events)
    made = write(home(), told, None, datetime(2026, 11, 20, 21, 30, tzinfo=UTC))
    assert [one.name for one in made.pictures][-1] == "manner.png"
    page = made.page.read_text()
    assert page.count('id="manner"') == 1
    assert "after GRPO" in page
    assert "<script" not in page
    assert "\x1b" not in page


def test_a_run_without_one_has_no_such_part() -> None:
    told = gather(paper.run(), paper.ppo_events(paper.outcome()))
    made = write(home(), told, None, datetime(2026, 11, 20, 21, 30, tzinfo=UTC))
    assert 'id="manner"' not in made.page.read_text()
    assert "manner.png" not in [one.name for one in made.pictures]
