"""A study of stability: every order once, nothing adopted, gone on with where it was left."""

from __future__ import annotations

from pathlib import Path

import pytest

from talecraft.errors import UsageError
from talecraft.paths import private_folder
from talecraft.story.turns import Turn
from talecraft.studio import Studio, study
from talecraft.studio.recipe import Recipe
from talecraft.studio.reporting import study as pictures
from talecraft.studio.reporting.drawing import Plotter
from talecraft.studio.study import Cell, Plan, Study

FORM = Recipe(rewards={"form": 1.0})


def cell(seed: int, rate: float, target: float, kl: float, note: str = "") -> Cell:
    return Cell(seed, rate, target, "r", [0.0, 1.0], [0.5, kl], note, 0.6, kl, 1.0, 5.0)


FOUND = Study(
    Plan("m", FORM, [1, 2], [1e-4, 1e-3], [3.0, 6.0]),
    [
        cell(1, 1e-4, 3.0, 2.0),
        cell(2, 1e-4, 3.0, 5.9),
        cell(1, 1e-3, 3.0, 6.1),
        cell(2, 1e-3, 3.0, 2.0, "It had begun to repeat itself."),
        cell(1, 1e-3, 6.0, 6.1),
        cell(2, 1e-3, 6.0, 12.1),
    ],
)


def test_a_run_diverges_that_was_stopped_or_went_too_far() -> None:
    assert [one.diverged for one in FOUND.cells] == [False, False, True, True, False, True]
    assert FOUND.share_diverged(1e-4, 3.0) == 0
    assert FOUND.share_diverged(1e-3, 3.0) == 1
    assert FOUND.share_diverged(1e-3, 6.0) == 0.5
    assert FOUND.share_diverged(1e-4, 6.0) is None
    told = study.encode(FOUND)
    assert isinstance(told, dict)
    assert told["cells"][2]["diverged"]


def test_the_pictures_show_what_was_found(tmp_path: Path) -> None:
    plotter = Plotter(tmp_path)
    for draw in (pictures.divergence, pictures.courses):
        picture = draw(FOUND, plotter)
        assert picture.startswith(b"\x89PNG")
        assert picture == draw(FOUND, plotter)
        assert picture != draw(Study(FOUND.plan, FOUND.cells[:2]), plotter)


def test_every_order_is_run_once_and_nothing_is_adopted(
    studio: Studio, scored: list[Turn], tmp_path: Path
) -> None:
    tmp_path = private_folder(tmp_path / "study")
    plan = study.planned(studio.model, studio.training, FORM, [1, 2, 1], [1e-3], [3.0, 6.0], 1)
    assert plan.orders == [(1, 1e-3, 3.0), (2, 1e-3, 3.0), (1, 1e-3, 6.0), (2, 1e-3, 6.0)]
    begun = study.begun(tmp_path, plan)
    runs = study.carry_out(studio.training, studio.model, begun, tmp_path)
    first = next(runs)
    assert len(first.cells) == 1
    runs.close()  # the study is left
    again = study.begun(tmp_path, plan)
    assert again.cells == first.cells
    *_, last = study.carry_out(studio.training, studio.model, again, tmp_path)
    assert [(o.seed, o.learning_rate, o.kl_target) for o in last.cells] == plan.orders
    assert len({one.run for one in last.cells}) == 4
    assert [one.state for one in studio.library.runs.list()] == ["tried"] * 4
    assert studio.library.adapters.list(studio.model.id) == []
    assert not any((studio.home.runs / one.run / "candidate").exists() for one in last.cells)
    assert list(study.carry_out(studio.training, studio.model, last, tmp_path)) == []


def test_more_seeds_go_on_with_a_study_and_others_do_not(studio: Studio, tmp_path: Path) -> None:
    tmp_path = private_folder(tmp_path / "study")
    plan = study.planned(studio.model, studio.training, FORM, [1], [], [], 1)
    assert (plan.rates, plan.targets) == ([studio.training.ppo(studio.model).learning_rate], [6.0])
    list(study.carry_out(studio.training, studio.model, study.begun(tmp_path, plan), tmp_path))
    more = study.planned(studio.model, studio.training, FORM, [1, 2], [], [], 1)
    assert len(study.begun(tmp_path, more).cells) == 1
    other = study.planned(studio.model, studio.training, FORM, [1], [1e-5], [], 1)
    with pytest.raises(UsageError, match="holds another study"):
        study.begun(tmp_path, other)
    (tmp_path / study.FILE).write_text("{")
    with pytest.raises(UsageError, match="is no study"):
        study.begun(tmp_path, plan)
    (tmp_path / study.FILE).rename(tmp_path / "other.json")
    with pytest.raises(UsageError, match="holds no study"):
        study.begun(tmp_path, plan)
    with pytest.raises(UsageError, match="from 1 to 200 runs; this would have 0"):
        study.planned(studio.model, studio.training, FORM, [], [], [])


def test_a_run_that_is_stopped_ends_the_study(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "died")
    plan = study.planned(studio.model, studio.training, FORM, [1], [], [], 1)
    with pytest.raises(UsageError, match="was cut off"):
        list(study.carry_out(studio.training, studio.model, Study(plan, []), tmp_path))
    assert not (tmp_path / study.FILE).exists()
