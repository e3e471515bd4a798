"""A model from a hub into its folder: found, agreed to, fetched beside it, and then in one step."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import msgspec
from huggingface_hub import HfApi, constants, get_token, login
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError
from huggingface_hub.hf_api import ModelInfo

from talecraft.config import fetched
from talecraft.config.fetched import Fetched
from talecraft.hub import modules, selection
from talecraft.hub.download import Token, ask, fetch, present
from talecraft.hub.refusals import refusal
from talecraft.hub.selection import Unusable, Wanted
from talecraft.paths import flush_folder, private_folder, private_write
from talecraft.process import locks
from talecraft.process.fetch_messages import Done, FetchEvent, FetchOrder, Found, Moved, Refused
from talecraft.process.fetch_places import lock_of, partial

ANSWER_SECONDS = 20.0  # for a hub to say what a repository holds
MOVED_SECONDS = 0.2  # between two words of how far it is
_ORDER = "order.json"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_LOCK_WAITS = (0.2, 0.5, 1.0)  # for one that is just being stopped

Say = Callable[[FetchEvent], None]


class _Begun(msgspec.Struct, frozen=True):
    """What a partial folder holds, so that it is gone on with and never mixed."""

    repository: str
    revision: str
    commit: str


def work(order: FetchOrder, given: str, say: Say, agreed: Callable[[], None]) -> None:
    """Do what is ordered and say how it ends; never raises but for a defect.

    `given` is a token of the writer's, kept by the client for next time; `agreed` returns once
    what was found is to be fetched.
    """
    page = f"{constants.ENDPOINT}/{order.repository}"
    try:
        token = _token(given)
        if order.look:
            _look(order, token, page, say, agreed)
            return
        folder = Path(order.folder)
        private_folder(folder.parent)
        lock = locks.open_lock(lock_of(folder))  # held until this process ends
        if not locks.take(lock, _LOCK_WAITS):
            say(Refused("locked", page))
            return
        _fetch(order, folder, token, page, say, agreed)
    except Exception as error:
        if (said := refusal(error, page)) is None:
            raise
        say(said)


def _token(given: str) -> Token:
    """The writer's token, proved and kept, or the one that is kept already; False for none."""
    if not given:
        return (not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN and get_token()) or False
    if not given.isascii() or not given.isprintable() or " " in given:
        raise Unusable("wrong token", "")  # no header could hold it
    try:
        login(token=given, skip_if_logged_in=False)
    except ValueError as error:
        raise Unusable("wrong token", "") from error
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403):
            raise Unusable("wrong token", "") from error
        raise
    return given


def _look(order: FetchOrder, token: Token, page: str, say: Say, agreed: Callable[[], None]) -> None:
    info = _info(order.repository, order.revision, token)
    files = selection.wanted(info.siblings or [], look=True)
    say(_found(info, files, 0, page))
    agreed()
    for file in files:
        fetch(file, Path(order.folder), order.repository, _commit(info), token, _nothing, _nothing)
    say(Done(_commit(info), sum(file.size for file in files)))


def _fetch(
    order: FetchOrder, folder: Path, token: Token, page: str, say: Say, agreed: Callable[[], None]
) -> None:
    place = partial(folder)
    info = _found_before(order, place, token) or _info(order.repository, order.revision, token)
    wanted = selection.of_encoder if order.encoder else selection.wanted
    commit, files = _commit(info), wanted(info.siblings or [])
    here = sum(present(file, place) for file in files)
    ask(files[0], order.repository, commit, token)  # a gate is closed before anything is agreed to
    say(_found(info, files, here, page))
    agreed()
    private_folder(place)
    begun = _Begun(order.repository, order.revision, commit)
    private_write(place / _ORDER, msgspec.json.encode(begun))
    with _Telling(say, sum(file.size for file in files)) as told:
        for file in files:
            if order.encoder and file.weights:
                modules.check(place, files)
            private_folder((place / file.name).parent)
            fetch(file, place, order.repository, commit, token, told.move, told.check)
            told.before += file.size
            told.move(0)
    (place / _ORDER).unlink()
    _only(files, place)
    sums = {file.name: file.digest for file in files}
    record = Fetched(order.repository, order.revision, commit, told.size, sums)
    fetched.write(place, record)
    place.rename(folder)
    flush_folder(folder.parent)
    say(Done(commit, told.size))


def _found_before(order: FetchOrder, place: Path, token: Token) -> ModelInfo | None:
    """The commit that was begun with, where it is still to be had; else what is here goes."""
    try:
        begun = msgspec.json.decode((place / _ORDER).read_bytes(), type=_Begun)
    except (OSError, msgspec.MsgspecError):
        begun = None
    if begun is not None and (begun.repository, begun.revision) == (
        order.repository,
        order.revision,
    ):
        try:
            return _info(order.repository, begun.commit, token)
        except RevisionNotFoundError:
            pass
    if place.exists():
        shutil.rmtree(place)
    return None


def _info(repository: str, revision: str, token: Token) -> ModelInfo:
    return HfApi().model_info(
        repository, revision=revision, files_metadata=True, token=token, timeout=ANSWER_SECONDS
    )


def _commit(info: ModelInfo) -> str:
    if not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
        raise ValueError("no commit")
    return info.sha


def _found(info: ModelInfo, files: list[Wanted], here: int, page: str) -> Found:
    size = sum(file.size for file in files)
    licence = getattr(info.card_data, "license", None)
    return Found(
        _commit(info),
        len(files),
        size,
        sum(file.size for file in files if file.weights)
        or selection.weight_bytes(info.siblings or []),  # of a look, which takes none
        size - here,
        page,
        bool(info.gated),
        licence if isinstance(licence, str) else "",
    )


def _only(files: list[Wanted], place: Path) -> None:
    """What an earlier list has left, or somebody has put there, does not become the model's."""
    names = {PurePosixPath(file.name) for file in files}
    kept = names | {folder for name in names for folder in name.parents}
    for folder, folders, rest in os.walk(place):
        here = PurePosixPath(Path(folder).relative_to(place))
        for name in [*folders, *rest]:
            if here / name not in kept:
                path = Path(folder) / name
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        folders[:] = [name for name in folders if here / name in kept]


def _nothing(_: object) -> None:
    pass


class _Telling:
    """How far all is, said now and then from a thread: also where nothing comes, what came last is
    said. `before` are bytes of the files that are done."""

    def __init__(self, say: Say, size: int) -> None:
        self._say, self.size, self.before = say, size, 0
        self._now = Moved(0, size)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="telling", daemon=True)

    def __enter__(self) -> _Telling:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def move(self, here: int) -> None:
        self._now = Moved(self.before + here, self.size)

    def check(self, name: str) -> None:
        self._now = msgspec.structs.replace(self._now, checking=name)

    def _tell(self) -> None:
        said: Moved | None = None
        over = False
        while not over:
            over = self._over.wait(MOVED_SECONDS)
            if self._now != said:
                said = self._now
                self._say(said)
