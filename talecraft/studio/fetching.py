"""Fetching a model from its hub, and removing it again: only ever asked for by the writer."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from talecraft.config import adding, fetched
from talecraft.config.models import Catalogue, ModelSpec
from talecraft.errors import BusyError, DoesNotFit, LibraryError, UsageError, os_reason
from talecraft.paths import Home, file_stem, private_folder
from talecraft.process import locks
from talecraft.process.fetch_client import FetchClient
from talecraft.process.fetch_messages import (
    AnyFetchEvent,
    Done,
    FetchOrder,
    Found,
    Moved,
    Refused,
)
from talecraft.process.fetch_places import leaving, lock_of, partial
from talecraft.studio import memory
from talecraft.studio.fetch_words import error_of

RESERVE_MB = 200.0  # that must stay free on the disk
PACE_SECONDS = 8.0  # over which the speed is taken


class Progress(msgspec.Struct, frozen=True):
    """So many bytes of `size` are here; bytes and seconds, None where they cannot be told yet."""

    here: int
    size: int
    speed: float | None = None
    seconds_left: float | None = None
    checking: str = ""

    @property
    def words(self) -> str:
        """`1.2 of 4.7 GB (25 %), 8.3 MB/s, about 7 minutes left`."""
        share = 100 * self.here // self.size if self.size else 100
        words = f"{memory.size(self.here / 1e6)} of {memory.size(self.size / 1e6)} ({share} %)"
        if self.checking:
            return f"{words}, checking {self.checking}"
        if self.speed is not None:
            words += f", {self.speed / 1e6:.1f} MB/s"
        if self.seconds_left is not None:
            words += f", about {_time(self.seconds_left)} left"
        return words


class Pulled(msgspec.Struct, frozen=True):
    """The model is here: which commit ('' where it was put there by hand), and so many bytes."""

    commit: str
    size: int
    already: bool = False


Hear = Callable[[Found | Progress], None]


class Fetching:
    """`writes` names the models that write now or by the settings, `learns` the one of a run;
    `changed` is called when the catalogue has changed."""

    def __init__(
        self,
        home: Home,
        catalogue: Catalogue,
        changed: Callable[[], None],
        writes: Callable[[], Collection[str]],
        learns: Callable[[], str | None],
    ) -> None:
        self._home, self._catalogue, self._changed = home, catalogue, changed
        self._writes, self._learns = writes, learns
        self._lock = threading.Lock()
        self._client: FetchClient | None = None
        self.going = ""  # the id of the model that is being fetched

    def pull(
        self, model_id: str, hear: Hear = lambda event: None, token: str = ""
    ) -> Pulled | None:
        """Fetch a model, going on where it was left; None where `stop` was called.

        Blocks; `hear` is called on this thread. A `token` is proved, and kept by the hub's client.
        Raises UsageError for a model that has no hub, NotAuthorised (TokenWanted where a token may
        help), DoesNotFit before the first byte, BusyError, FetchError, LibraryError.
        """
        spec = self._catalogue.declared(model_id)
        folder = self._fetchable(spec)
        if (there := self._already(spec, folder)) is not None:
            return there
        with self._alone(spec) as client:
            order = FetchOrder(spec.location, spec.revision, str(folder))
            done = run(client, order, token, spec.title, hear, agree_in(self._home.models))
        if done is None:
            return None
        self._take_in()
        return Pulled(done.commit, done.size)

    def begun(self, model_id: str) -> int:
        """So many bytes of a model have come, and wait for the rest; 0 where none have."""
        spec = self._catalogue.declared(model_id)
        place = partial(self._catalogue.folder(spec, self._home))
        return size_of(place) if spec.source == "hub" and place.is_dir() else 0

    def stop(self) -> None:
        """End what is going; what came is kept."""
        if (client := self._client) is not None:
            client.stop()

    def removable(self, model_id: str) -> int:
        """How many bytes would be free without it, what came of it included.

        Raises UsageError where it is not to be removed, or not there; BusyError.
        """
        spec = self._catalogue.declared(model_id)
        folder = self._fetchable(spec)
        if spec.id == self.going:
            raise BusyError(f"{spec.title} is being fetched.", "Stop that first.")
        self._check_unused(spec, self._catalogue.installed(spec, self._home))
        places = places_of(folder)
        if not places:
            raise UsageError(f"{spec.title} is not here.", "There is nothing to remove.")
        return sum(size_of(place) for place in places)

    def remove(self, model_id: str) -> int:
        """Delete its files for good; returns the bytes that are free now. The entry stays, and so
        do adapters, which fit the same commit when it is fetched again.

        Raises as `removable`, BusyError where it is being fetched, LibraryError.
        """
        freed = self.removable(model_id)
        spec = self._catalogue.declared(model_id)
        folder = self._catalogue.folder(spec, self._home)
        take_away(folder, spec.title, self._home.forms.glob(f"{file_stem(model_id)}-*.gguf"))
        self._take_in()
        return freed

    def forget(self, model_id: str) -> Path:
        """Take the entry of a model in a folder of the user's own out of their models.toml; returns
        the folder, which stays.

        Raises UsageError for another one and the one that writes, BusyError while it learns,
        ConfigError and LibraryError as `config.adding`.
        """
        spec = self._catalogue.declared(model_id)
        if spec.source != "local":
            raise UsageError(f"{spec.title} is in no folder of yours.", "Its entry stays.")
        self._check_unused(spec, True)  # also where its folder has gone: the settings name it
        folder = self._catalogue.folder(spec, self._home)
        adding.remove(self._home, spec)
        self._take_in()
        return folder

    def _check_unused(self, spec: ModelSpec, can_write: bool) -> None:
        if spec.id == self._learns():
            raise BusyError(f"A training run of {spec.title} is going.", "Wait until it has ended.")
        if can_write and spec.id in self._writes():
            raise UsageError(f"{spec.title} is the one that writes.", "Choose another one first.")

    def _take_in(self) -> None:
        self._catalogue.read_again(self._home)
        self._changed()

    def _fetchable(self, spec: ModelSpec) -> Path:
        if spec.source != "hub":
            where = {
                "bundled": "comes with Talecraft",
                "local": f"is in a folder of yours, {spec.location}",
            }[spec.source]
            raise UsageError(f"{spec.title} {where}.", "There is nothing to fetch or delete.")
        return self._catalogue.folder(spec, self._home)

    def _already(self, spec: ModelSpec, folder: Path) -> Pulled | None:
        if self._catalogue.installed(spec, self._home):
            record = fetched.read(folder)
            return Pulled(record.commit if record else "", size_of(folder), already=True)
        nothing_else_in(folder, f"models rm {spec.id}")
        return None

    @contextmanager
    def _alone(self, spec: ModelSpec) -> Iterator[FetchClient]:
        """One at a time: two would only halve each other's speed."""
        with self._lock:
            if self.going:
                raise BusyError(f"{self.going} is being fetched.", "Wait for it, or stop it.")
            self._client, self.going = FetchClient(self._home.logs), spec.id
        private_folder(self._home.models)
        try:
            yield self._client
        finally:
            self._client, self.going = None, ""


def agree_in(place: Path) -> Callable[[Found], None]:
    """Agrees to what the disk of `place` has room for; else it raises DoesNotFit."""

    def agree(found: Found) -> None:
        needed, free = found.left / 1e6 + RESERVE_MB, memory.free_disk_mb(place)
        if free is not None and needed > free:
            raise DoesNotFit(
                f"{memory.size(found.left / 1e6)} are still to come, and {memory.size(free)} are"
                f" free; {memory.size(RESERVE_MB)} must stay so.",
                f"Free some space for {place}; nothing was fetched.",
            )

    return agree


def nothing_else_in(folder: Path, remove: str) -> None:
    """Raises UsageError where the folder holds something that was not fetched, which the command
    `remove` would take away."""
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"{folder} holds something that was not fetched whole.",
            f"Move it away, or remove it: talecraft {remove}.",
        )


def places_of(folder: Path) -> list[Path]:
    """What there is of what was fetched into the folder, also in part."""
    return [one for one in (folder, partial(folder), leaving(folder)) if one.exists()]


def take_away(folder: Path, title: str, also: Iterable[Path] = ()) -> None:
    """Delete what was fetched into the folder, and these files. Raises BusyError where it is being
    fetched, LibraryError."""
    try:
        lock = locks.open_lock(lock_of(folder))
        with os.fdopen(lock, "rb"):
            if not locks.take(lock, (0.2, 0.5)):
                raise BusyError(f"{title} is being fetched.", "Stop that first.")
            shutil.rmtree(leaving(folder), ignore_errors=True)
            if folder.exists():
                folder.rename(leaving(folder))  # in one step: never half of it
            for place in places_of(folder):
                shutil.rmtree(place)
            for file in also:
                file.unlink(missing_ok=True)
    except OSError as error:
        raise LibraryError(
            f"{folder} could not be removed: {os_reason(error)}.", "Make it writable."
        ) from error


def run(
    client: FetchClient,
    order: FetchOrder,
    token: str,
    title: str,
    hear: Hear,
    agree: Callable[[Found], None],
) -> Done | None:
    """One fetch, whatever it is for; None where it was stopped. Raises what the hub refused."""
    pace, ended = _Pace(), list[Done | Refused]()

    def take(event: AnyFetchEvent) -> None:
        match event:
            case Found():
                hear(event)
            case Moved():
                hear(pace.progress(event))
            case Done() | Refused():
                ended.append(event)

    client.run(order, token, take, agree)
    if ended and isinstance(ended[-1], Refused) and not client.stopped:
        raise error_of(ended[-1], title, order.repository, order.revision)
    return ended[-1] if ended and isinstance(ended[-1], Done) else None


class _Pace:
    """How quickly it comes, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def progress(self, moved: Moved) -> Progress:
        now = time.monotonic()
        if moved.checking or (self._seen and moved.here < self._seen[-1][1]):
            self._seen.clear()  # time without bytes is no speed, nor is beginning anew
        self._seen.append((now, moved.here))
        while len(self._seen) > 2 and now - self._seen[0][0] > PACE_SECONDS:
            self._seen.popleft()
        (since, before), speed, left = self._seen[0], None, None
        if now - since > 0.5 and moved.here > before:
            speed = (moved.here - before) / (now - since)
            left = (moved.size - moved.here) / speed
        return Progress(moved.here, moved.size, speed, left, moved.checking)


def _time(seconds: float) -> str:
    if seconds < 60:
        return "a minute"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{minutes / 60:.1f} hours"


def size_of(folder: Path) -> int:
    """In bytes, of all files in a folder; links are not followed."""
    total = 0
    for place, _, names in os.walk(folder):  # which goes on where a file is moved meanwhile
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total
