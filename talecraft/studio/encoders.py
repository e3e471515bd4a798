"""Sentence encoders: fetched from a hub when the writer asks for one, and found again by name."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path

import msgspec

from talecraft.config import fetched
from talecraft.config.models import MAIN, REPOSITORY
from talecraft.errors import BusyError, UsageError
from talecraft.library import Library
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home, private_folder
from talecraft.process import run_client, run_events
from talecraft.process.fetch_client import FetchClient
from talecraft.process.fetch_messages import FetchOrder
from talecraft.process.style import USUAL
from talecraft.story.clean import clean_line
from talecraft.story.rewards import SEMANTIC
from talecraft.studio import fetching, foreign
from talecraft.studio.fetching import Hear, Pulled

LONGEST = 200  # letters of a name, which is a folder's
NONE = "none"  # where the model's own vectors are wanted, whatever was fetched


class Kept(msgspec.Struct, frozen=True):
    """An encoder by its repository's name, its commit, and its size in bytes."""

    name: str
    commit: str
    size: int
    path: Path


class Encoders:
    """Those in `home`, and what the runs of the `library` go by. Nothing is fetched but by
    `pull`."""

    def __init__(self, home: Home, library: Library) -> None:
        self._home, self._library = home, library

    def pull(
        self, name: str = USUAL, hear: Hear = lambda event: None, token: str = ""
    ) -> Pulled | None:
        """Fetch an encoder, going on where it was left; None where it was stopped.

        Blocks; `hear` and `token` as for a model. Raises UsageError for what is no repository or no
        encoder, or where sentence-transformers is not installed, and as Fetching.pull.
        """
        folder = _folder(self._home, name)
        if not _readable():
            raise UsageError(
                "A sentence encoder needs sentence-transformers.",
                "Install it: pip install 'talecraft[encoder]'.",
            )
        if (there := fetched.read(folder)) is not None:
            return Pulled(there.commit, there.size, already=True)
        fetching.nothing_else_in(folder, f"encoder rm {name}")
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

    def remove(self, name: str) -> int:
        """Delete one; returns the bytes that are free now. Raises UsageError where it is not there,
        BusyError where it is being fetched or a run goes by it, LibraryError."""
        folder = _folder(self._home, name)
        if not (places := fetching.places_of(folder)):
            known = ", ".join(one.name for one in self.all()) or "none yet"
            raise UsageError(f"{name} is not here (known: {known}).", "There is nothing to remove.")
        if (run := self._needed(str(folder))) is not None:
            going = "goes" if run.state == "running" else "was cut off, and would go on"
            raise BusyError(f"Training run {run.id} {going} by {name}.", "Let it end first.")
        freed = sum(fetching.size_of(place) for place in places)
        fetching.take_away(folder, name)
        return freed

    def _needed(self, folder: str) -> TrainingRun | None:
        """The run that reads by the encoder in this folder, now or when it is resumed: of each
        model that can be the newest one alone."""
        newest: dict[str, TrainingRun] = {}
        for run in self._library.runs.list():
            newest.setdefault(run.model_id, run)
        for run in newest.values():
            if run.state != "running" and not run_client.can_resume(self._home.runs, run.id):
                continue
            with contextlib.suppress(msgspec.MsgspecError):  # another version's goes on no more
                order = run_events.decode_settings(run.settings.encode())
                if order.encoder == folder and SEMANTIC in order.ppo.rewards:
                    return run
        return None


def find(home: Home, told: str) -> str:
    """The folder of the encoder that is told: itself a folder, or the name of one that was fetched.
    Without a word it is the usual one, where that was; '' for the model's own vectors.

    Raises UsageError where there is none.
    """
    if told == NONE:
        return ""
    if not told:
        usual = _folder(home, USUAL)
        return str(usual) if fetched.read(usual) is not None and _readable() else ""
    if REPOSITORY.fullmatch(told) and fetched.read(_folder(home, told)) is not None:
        return str(_folder(home, told))
    hint = "Name the folder of a sentence encoder, or one that was fetched:"
    return str(foreign.there(Path(told), f"{hint} `talecraft encoder pull NAME`."))


def _folder(home: Home, name: str) -> Path:
    if not REPOSITORY.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"'{clean_line(name)[:LONGEST]}' is no repository.",
            f"Name one as {USUAL}, for example.",
        )
    return home.encoders / name.replace("/", "--")


def _readable() -> bool:
    """Can an encoder be used here: is the extra installed?"""
    return importlib.util.find_spec("sentence_transformers") is not None
