"""Sentence encoders: fetched from a hub when the writer asks for one, and found again by name."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import msgspec

from talecraft.config import fetched
from talecraft.config.models import MAIN, REPOSITORY
from talecraft.errors import BusyError, LibraryError, UsageError, os_reason
from talecraft.paths import Home, private_folder
from talecraft.process import locks
from talecraft.process.fetch_client import FetchClient
from talecraft.process.fetch_messages import FetchOrder
from talecraft.process.fetch_places import leaving, lock_of, partial
from talecraft.process.style import USUAL
from talecraft.story.clean import clean_line
from talecraft.studio import fetching, foreign
from talecraft.studio.fetching import Hear, Pulled

NONE = "none"  # where the model's own vectors are wanted, whatever was fetched


class Kept(msgspec.Struct, frozen=True):
    """An encoder by its repository's name, its commit, and its size in bytes."""

    name: str
    commit: str
    size: int
    path: Path


class Encoders:
    """Those in `home`. Nothing is fetched but by `pull`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def pull(
        self, name: str = USUAL, hear: Hear = lambda event: None, token: str = ""
    ) -> Pulled | None:
        """Fetch an encoder, going on where it was left; None where it was stopped.

        Blocks; `hear` and `token` as for a model. Raises UsageError for what is no repository, or
        where sentence-transformers is not installed, and as Fetching.pull.
        """
        folder = self._folder(name)
        if not _readable():
            raise UsageError(
                "A sentence encoder needs sentence-transformers.",
                "Install it: pip install 'talecraft[encoder]'.",
            )
        if (there := fetched.read(folder)) is not None:
            return Pulled(there.commit, there.size, already=True)
        private_folder(folder.parent)
        order = FetchOrder(name, MAIN, str(folder), encoder=True)
        agree = fetching.agree_in(folder.parent)
        done = fetching.run(FetchClient(self._home.logs), order, token, name, hear, agree)
        return Pulled(done.commit, done.size) if done is not None else None

    def all(self) -> list[Kept]:
        """All there are, by name."""
        folder = self._home.encoders
        places = sorted(folder.iterdir()) if folder.is_dir() else []
        records = [(place, fetched.read(place)) for place in places if place.name[0] != "."]
        return [
            Kept(record.repository, record.commit, record.size, place)
            for place, record in records
            if record is not None
        ]

    def find(self, told: str) -> str:
        """The folder of the encoder that is told: itself a folder, or the name of one that was
        fetched. Without a word it is the usual one, where that was; '' for the model's own vectors.

        Raises UsageError where there is none.
        """
        if told == NONE:
            return ""
        if not told:
            usual = self._folder(USUAL)
            return str(usual) if fetched.read(usual) is not None and _readable() else ""
        if REPOSITORY.fullmatch(told) and fetched.read(self._folder(told)) is not None:
            return str(self._folder(told))
        hint = "Name the folder of a sentence encoder, or one that was fetched:"
        return str(foreign.there(Path(told), f"{hint} `talecraft encoder pull NAME`."))

    def remove(self, name: str) -> int:
        """Delete one; returns the bytes that are free now. Raises UsageError where it is not there,
        BusyError where it is being fetched, LibraryError."""
        folder = self._folder(name)
        places = [one for one in (folder, partial(folder), leaving(folder)) if one.exists()]
        if not places:
            known = ", ".join(one.name for one in self.all()) or "none yet"
            raise UsageError(f"{name} is not here (known: {known}).", "There is nothing to remove.")
        freed = sum(fetching.size_of(place) for place in places)
        try:
            with os.fdopen(locks.open_lock(lock_of(folder)), "rb") as lock:
                if not locks.take(lock.fileno(), (0.2, 0.5)):
                    raise BusyError(f"{name} is being fetched.", "Stop that first.")
                for place in places:
                    shutil.rmtree(place)
        except OSError as error:
            raise LibraryError(
                f"{folder} could not be removed: {os_reason(error)}.", "Make it writable."
            ) from error
        return freed

    def _folder(self, name: str) -> Path:
        if not REPOSITORY.fullmatch(name):
            raise UsageError(
                f"'{clean_line(name)}' is no repository.", f"Name one as {USUAL}, for example."
            )
        return self._home.encoders / name.replace("/", "--")


def _readable() -> bool:
    """Can an encoder be used here: is the extra installed?"""
    return importlib.util.find_spec("sentence_transformers") is not None
