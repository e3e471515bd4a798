"""One file of a repository into a folder: where it was left, checked, and then under its name.

The client's own `hf_hub_download` begins anew after a kill (its partial files have names of one
process alone), so its parts are used: `get_hf_file_metadata` and `http_get`, which resumes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.file_download import HfFileMetadata, http_get
from huggingface_hub.utils import build_hf_headers

from talecraft.hub.selection import Unusable, Wanted
from talecraft.paths import flush_file, flush_folder

# What is read is written in pieces of this many bytes: a kill loses no more.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 18
PART = ".part"

Token = str | bool  # False: none, not even one that the machine keeps
Move = Callable[[int], None]


def present(file: Wanted, folder: Path) -> int:
    """So many bytes of the file are here and would not be fetched again."""
    if _size(folder / file.name) == file.size:
        return file.size
    part = _size(folder / (file.name + PART))
    return part if file.large and part <= file.size else 0


def fetch(
    file: Wanted, folder: Path, repository: str, commit: str, token: Token,
    move: Move, checking: Callable[[str], None],
) -> None:  # fmt: skip
    """The file is in `folder` afterwards, whole and with its checksum; `move` hears how many bytes
    of it are here.

    Raises the client's errors, Unusable where what came is not what the hub had announced, OSError.
    """
    target, part = folder / file.name, folder / (file.name + PART)
    if _size(target) == file.size:  # it takes its name only when it was checked
        move(file.size)
        return
    resumed = present(file, folder)
    for begin in dict.fromkeys((resumed, 0)):  # what was here may be what is damaged
        move(begin)
        try:
            _receive(file, part, begin, repository, commit, token, move)
        except Unusable:
            part.unlink(missing_ok=True)
            raise
        checking(file.name)
        if _digest(part, file) == file.digest:
            flush_file(part)
            os.replace(part, target)
            flush_folder(target.parent)
            return
        part.unlink()
    raise Unusable("damaged", file.name)


def ask(file: Wanted, repository: str, commit: str, token: Token) -> HfFileMetadata:
    """Where the file is, as the hub says to this token. Raises what it refuses with, and Unusable
    where it is not the one that the repository lists."""
    url = hf_hub_url(repository, file.name, revision=commit)
    found = get_hf_file_metadata(url, token=token, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    if found.commit_hash != commit or found.size not in (file.size, None):
        raise Unusable("damaged", file.name)
    return found


def _receive(
    file: Wanted, part: Path, begin: int, repository: str, commit: str, token: Token, move: Move
) -> None:
    found = ask(file, repository, commit, token)
    hubs = {_origin(constants.ENDPOINT), _origin(constants.HUGGINGFACE_CO_URL_HOME)}
    own = _origin(found.location) in hubs
    headers = build_hf_headers(token=token if own else False)  # a store of files is given none
    with part.open("r+b" if begin else "wb") as stream:
        stream.truncate(begin)
        stream.seek(begin)
        http_get(
            found.location,
            stream,
            resume_size=begin,
            headers=headers,
            expected_size=file.size,
            displayed_filename=file.name,
            tqdm_class=_meter(file, begin, move),
        )


def _meter(file: Wanted, begin: int, move: Move) -> Any:
    """What the client takes for a progress bar."""

    class Meter:
        def __init__(self, **_: object) -> None:
            self.here = begin

        def update(self, more: int) -> None:
            self.here += more
            if self.here > file.size:  # a hub that never ends must not fill the disk
                raise Unusable("damaged", file.name)
            move(self.here)

        def __enter__(self) -> Meter:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    return Meter


def _digest(path: Path, file: Wanted) -> str:
    with path.open("rb") as stream:
        if file.large:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        blob = stream.read(file.size + 1)
    return hashlib.sha1(b"blob %d\0" % len(blob) + blob, usedforsecurity=False).hexdigest()


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _size(path: Path) -> int:
    """Bytes; 0 where it is not a file, or only leads to one."""
    return path.stat().st_size if path.is_file() and not path.is_symlink() else 0
