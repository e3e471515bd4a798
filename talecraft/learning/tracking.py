"""A run's figures for a tracker that the writer has chosen, by Accelerate. Off unless asked for.

What is told are the figures of each update and the order's hyperparameters: no text. They stay on
this machine, in the run's folder, unless the writer's own environment says otherwise.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from talecraft.errors import EngineError
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import PatternStep, RunSettings, Step

FOLDER = "tracker"  # of the run's
PROJECT = "talecraft"
NOBODY = "none"
_NO_FIGURES = ("note", "step", "total")  # of a step
# Where the packages keep what they write, and that they send nothing.
_AT_HOME = {
    "wandb": {"WANDB_MODE": "offline", "WANDB_DIR": ""},
    "trackio": {"TRACKIO_DIR": ""},
}


class Tracker:
    """Tells nobody."""

    def log(self, step: Step | PatternStep) -> None:
        """The figures of an update, or of a step through texts."""

    def close(self) -> None:
        """There are no more."""


class Accelerated(Tracker):
    """By Accelerate's tracker of the order's name. Raises EngineError where its package is not
    installed; what the package raises later ends no run, but the telling."""

    def __init__(self, settings: RunSettings, folder: Path) -> None:
        from accelerate import Accelerator
        from accelerate.tracking import get_available_trackers
        from accelerate.utils import ProjectConfiguration

        if settings.tracker not in map(str, get_available_trackers()):
            raise EngineError(
                f"The tracker {settings.tracker} is not installed.",
                f"pip install {settings.tracker}, or take back training.tracker.",
            )
        place = folder / FOLDER
        place.mkdir(mode=0o700, exist_ok=True)
        for name, value in _AT_HOME.get(settings.tracker, {}).items():
            os.environ.setdefault(name, value or str(place))
        self._accelerator = Accelerator(
            log_with=settings.tracker,
            project_config=ProjectConfiguration(project_dir=str(folder), logging_dir=str(place)),
        )
        self._accelerator.init_trackers(
            PROJECT,
            config=_config(settings),
            init_kwargs={settings.tracker: {"name": settings.run_id}}
            if settings.tracker in _AT_HOME
            else {},
        )
        # Steps by reward count from 1 again where a run began with steps through texts.
        told = (one for one in EventTail(folder).read() if isinstance(one, PatternStep))
        self._before = max((one.total for one in told), default=0)
        self._broken = False

    def log(self, step: Step | PatternStep) -> None:
        at = self._before + step.step
        if isinstance(step, PatternStep):
            at, self._before = step.step, step.total
        self._try(lambda: self._accelerator.log(figures(step), step=at))

    def close(self) -> None:
        # Not `end_training`, which would end the process group of the run, too.
        for one in self._accelerator.trackers:
            self._try(one.finish)

    def _try(self, tell: Callable[[], None]) -> None:
        if self._broken:
            return
        try:
            tell()
        except Exception:  # a full disk, no net: any of three packages' own
            self._broken = True
            logging.getLogger(__name__).exception("the tracker is told nothing more")


def tracker(settings: RunSettings, folder: Path) -> Tracker:
    """The order's, where it names one. Raises as Accelerated does."""
    return Tracker() if settings.tracker == NOBODY else Accelerated(settings, folder)


def figures(step: Step | PatternStep) -> dict[str, float]:
    """An update's figures by their names, each part of the reward by its own; those of a step
    through texts as `sft/`."""
    told = msgspec.structs.asdict(step)
    parts = {f"reward/{name}": value for name, value in told.pop("parts", {}).items()}
    kind = "sft/" if isinstance(step, PatternStep) else ""
    return {f"{kind}{name}": one for name, one in told.items() if name not in _NO_FIGURES} | parts


def _config(settings: RunSettings) -> dict[str, Any]:
    """What the run was told, as far as it is one number or name."""
    told = {
        "method": settings.method,
        "model": settings.model.id,
        "seed": settings.seed,
        "lora_rank": settings.lora_rank,
        "lora_alpha": settings.lora_alpha,
        **msgspec.structs.asdict(settings.ppo),
    }
    return {name: one for name, one in told.items() if isinstance(one, int | float | str)}
