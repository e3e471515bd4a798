"""A run's figures told to a tracker: in the run's folder, and only where one is asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest
from accelerate.utils import LoggerType

from talecraft.errors import EngineError
from talecraft.learning import program, tracking
from talecraft.learning.events import Cancelled, Events
from talecraft.process import run_client, run_events
from talecraft.process.run_events import Outcome, PatternStep, RunSettings, Step
from tests.support import small_run
from tests.support.models import bundled_ref

TOLD = PatternStep(4, 5, 3.5, 3.25, 1e-3, 0.0, 1.0, 1.0)
STEP = Step(
    3, 9, 0.5, {"taste": 0.75, "form": -0.25}, 1.5, 6.0, 0.1, 2.0, 0.0, 0.25, 0.125, 60.0, 0.1,
    1.0, 6.0, "It had moved too far.",
)  # fmt: skip

# What Accelerate asks of tensorboardX, kept as lines.
WRITER = """
import json, os

class SummaryWriter:
    def __init__(self, folder, **_):
        os.makedirs(folder, exist_ok=True)
        self.file = open(os.path.join(folder, "lines"), "a")
    def _say(self, *what):
        self.file.write(json.dumps(what) + "\\n")
        self.file.flush()
    def add_hparams(self, told, metric_dict):
        self._say("config", told)
    def add_scalar(self, name, value, global_step=None, **_):
        self._say(name, value, global_step)
    def flush(self):
        pass
    def close(self):
        self._say("closed")
"""


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    folder = small_run.order(tmp_path / "run", bundled_ref(), None)
    return run_events.decode_settings((folder / "settings.json").read_bytes())


def asked_for(settings: RunSettings, name: str) -> RunSettings:
    return msgspec.structs.replace(settings, tracker=name)


def test_none_is_the_default_and_keeps_nothing(tmp_path: Path, settings: RunSettings) -> None:
    assert settings.tracker == tracking.NOBODY
    told = tracking.tracker(settings, tmp_path / "run")
    told.log(STEP)
    told.close()
    assert not (tmp_path / "run" / tracking.FOLDER).exists()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """tensorboardX is installed."""
    stand_in = tmp_path / "packages" / "tensorboardX"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").write_text(WRITER)
    monkeypatch.syspath_prepend(stand_in.parent)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # should it be installed
    monkeypatch.setattr("accelerate.tracking._available_trackers", [LoggerType.TENSORBOARD])


def test_the_figures_of_each_update_are_told_in_the_runs_folder(
    tmp_path: Path, settings: RunSettings, packaged: None
) -> None:
    told = tracking.tracker(asked_for(settings, "tensorboard"), tmp_path / "run")
    told.log(STEP)
    told.log(TOLD)
    told.log(STEP)
    told.close()
    place = tmp_path / "run" / tracking.FOLDER / tracking.PROJECT
    lines = [json.loads(line) for line in (place / "lines").read_text().splitlines()]
    (config,) = [one[1] for one in lines if one[0] == "config"]
    assert (config["method"], config["updates"]) == ("ppo", small_run.SHORT.updates)
    figures = {(name, at): value for name, value, at in (one for one in lines if len(one) == 3)}
    assert figures["kl", 3] == 1.5
    assert figures["reward/taste", 3] == 0.75
    assert figures["sft/loss", 4] == 3.5
    assert figures["kl", 8] == 1.5, "the third after five steps through texts"
    assert not {"note", "sft/note", "type"} & {name for name, _ in figures}
    assert lines[-1] == ["closed"]


class Kept(tracking.Tracker):
    def __init__(self) -> None:
        self.told: list[object] = []

    def log(self, step: Step | PatternStep) -> None:
        self.told.append(step)

    def close(self) -> None:
        self.told.append("closed")


@pytest.mark.parametrize("error", [None, Cancelled(), EngineError("No."), ZeroDivisionError()])
def test_whatever_a_run_does_its_steps_are_told_and_however_it_ends_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    class Ran:
        def __init__(self, events: Events) -> None:
            self._events = events

        def execute(self) -> Outcome:
            self._events.phase("Learning")
            self._events.send(TOLD)
            self._events.send(STEP)
            if error is not None:
                raise error
            return Outcome("rejected", "Not better.")

    folder = small_run.order(tmp_path / "run", bundled_ref(), None)
    kept = Kept()
    monkeypatch.setattr(program, "tracker", lambda settings, place: kept)
    program.carry_out(folder, lambda _folder, _settings, events, _company: Ran(events))
    assert kept.told == [TOLD, STEP, "closed"]


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_that_is_not_installed_is_one_clear_line(
    tmp_path: Path, settings: RunSettings, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("accelerate.tracking._available_trackers", [])
    with pytest.raises(EngineError, match=f"The tracker {name} is not installed") as caught:
        tracking.tracker(asked_for(settings, name), tmp_path / "run")
    assert f"pip install {name}" in (caught.value.hint or "")


@pytest.mark.parametrize("broken", ["add_scalar", "close"])
def test_a_tracker_that_fails_ends_no_run(
    tmp_path: Path,
    settings: RunSettings,
    packaged: None,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    told = tracking.tracker(asked_for(settings, "tensorboard"), tmp_path / "run")

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    (one,) = told._accelerator.trackers  # type: ignore[attr-defined]
    setattr(one.writer, broken, full)
    told.log(STEP)
    told.log(STEP)
    told.close()
    assert caplog.text.count("told nothing more") == 1


def test_a_run_that_goes_on_counts_on(
    tmp_path: Path, settings: RunSettings, packaged: None
) -> None:
    events = tmp_path / "run" / run_client.EVENTS
    events.write_bytes(run_events.encode(TOLD) + b"\n")
    told = tracking.tracker(asked_for(settings, "tensorboard"), tmp_path / "run")
    told.log(STEP)
    told.close()
    place = tmp_path / "run" / tracking.FOLDER / tracking.PROJECT / "lines"
    assert '["kl", 1.5, 8]' in place.read_text().splitlines()
