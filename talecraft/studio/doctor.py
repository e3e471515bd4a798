"""Is everything in order? Each matter is looked at by itself, and none of them is mended here."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec

from talecraft.errors import ConfigError, TalecraftError, os_reason
from talecraft.paths import Home
from talecraft.process import adapter_files
from talecraft.studio.memory import size
from talecraft.studio.studio import Studio
from talecraft.studio.waiting import Inbox

State = Literal["ok", "warn", "fail"]
PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "textual")
_ROOM_FOR_WORK = 1e9  # bytes on the disk: a library, some adapters, a run's checkpoint
_ROOM_TO_SAVE = 50e6


class Finding(msgspec.Struct, frozen=True):
    """One matter: `fail` is something that writing cannot do without."""

    matter: str
    state: State
    words: str


OpenStudio = Callable[[Inbox], Studio]


def examine(home: Home, open_studio: OpenStudio) -> Iterator[Finding]:
    """Findings one by one, the slow one (does the engine really load?) last. Raises nothing."""
    yield _python()
    yield from _packages()
    yield _disk(home.data)
    inbox = Inbox()
    try:
        studio = open_studio(inbox)
    except TalecraftError as error:
        yield Finding(
            "settings" if isinstance(error, ConfigError) else "library", "fail", str(error)
        )
        return
    matters: dict[str, Callable[[], Finding]] = {
        "library": lambda: _library(studio),
        "memory": lambda: _memory(studio),
        "training": lambda: _training(studio),
        "adapter": lambda: _adapter(studio),
        "engine": lambda: _engine(studio, inbox),
    }
    with studio:
        for matter, look in matters.items():
            try:
                yield look()
            except TalecraftError as error:
                yield Finding(matter, "fail", str(error))


def _python() -> Finding:
    return Finding(
        "python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}"
    )


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        try:
            yield Finding(name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, "fail", "It is not installed. Install Talecraft again.")


def _disk(folder: Path) -> Finding:
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding("disk", "warn", f"{there}: {os_reason(error)}.")
    state: State = "ok" if free > _ROOM_FOR_WORK else "warn" if free > _ROOM_TO_SAVE else "fail"
    return Finding("disk", state, f"{free / 1e9:.1f} GB free for {folder}.")


def _library(studio: Studio) -> Finding:
    found = studio.library.database.sound()
    stories = len(studio.library.stories.list())
    said = studio.library.feedback.watermark()
    words = f"{studio.home.library}; stories: {stories}, lines of feedback: {said}."
    if found != "ok":
        return Finding("library", "fail", f"{words} It is damaged: {found}.")
    return Finding("library", "ok", words)


def _memory(studio: Studio) -> Finding:
    room = studio.training.room(studio.model)
    free, wanted = room.free, room.engine
    if free is None:
        return Finding("memory", "warn", "How much is free could not be told.")
    words = f"{size(free)} free; {studio.model.id} wants {size(wanted)} to write"
    words += f" and {size(room.run)} to train."
    return Finding("memory", "ok" if free > wanted else "warn", words)


def _training(studio: Studio) -> Finding:
    studio.training.settle()
    going = studio.training.running()
    if going is not None:
        return Finding("training", "ok", f"Run {going.id} is going.")
    runs = studio.library.runs.list()
    if runs and runs[0].state in ("failed", "interrupted"):
        return Finding("training", "warn", f"Run {runs[0].id}: {runs[0].state}. {runs[0].error}")
    return Finding("training", "ok", f"Last run: {runs[0].state}." if runs else "No run yet.")


def _adapter(studio: Studio) -> Finding:
    active = studio.library.adapters.active(studio.model.id)
    reference = studio.adapter_ref(active)
    if reference is None:
        return Finding("adapter", "ok", f"{studio.model.id} writes without one.")
    adapter_files.verify(reference)
    return Finding("adapter", "ok", f"{reference.id} is whole.")


def _engine(studio: Studio, inbox: Inbox) -> Finding:
    started = time.monotonic()
    adapter = studio.start_engine()
    loaded = inbox.loaded(adapter.id if adapter else None, lambda event: None)
    seconds = time.monotonic() - started
    words = f"{loaded.model_id} loaded in {seconds:.1f} s on {loaded.device} ({loaded.dtype},"
    words += f" quantisation {loaded.quantisation})."
    return Finding("engine", "ok", words)
