"""What can go wrong with a hub or a disk, told apart; and whose names and sums are believed."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import get_args

import httpx2
import pytest
from huggingface_hub import errors

from talecraft.errors import LibraryError
from talecraft.hub.refusals import refusal
from talecraft.hub.selection import Unusable, wanted
from talecraft.process.fetch_messages import Kind, Refused
from talecraft.studio.fetch_words import error_of

SHA256, GIT = "a" * 64, "b" * 40


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "disk"),
        (LibraryError("The folder /x cannot be used."), "disk"),
        (OSError("Consistency check failed: file should be of size 3"), "cut"),
        (httpx2.ConnectError("no route"), "offline"),
        (httpx2.ReadTimeout("slow"), "offline"),
        (httpx2.RemoteProtocolError("peer closed"), "cut"),
        (errors.FileMetadataError("no etag"), "no hub"),
        (errors.OfflineModeIsEnabled("offline"), "cut"),
        (TypeError("sha"), "no hub"),
        (Unusable("damaged", "x"), "damaged"),
    ],
)
def test_errors_are_told_apart(error: Exception, kind: str) -> None:
    found = refusal(error, "https://hub/page")
    assert found is not None
    assert found.kind == kind


def test_a_defect_is_none_of_these() -> None:
    assert refusal(RuntimeError("?"), "") is None


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_its_words_on_one_line(kind: Kind) -> None:
    hostile = "x\n\x1b]52;c;AAAA\x07y"
    error = error_of(Refused(kind, hostile, hostile), "Title", "owner/name", "main")
    assert error.hint
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)
    auth = kind in ("token", "licence", "forbidden", "hidden", "wrong token")
    code = {"full": 4, "locked": 3, "no weights": 2}.get(kind, 5 if auth else 1)
    assert error.exit_code == code


def one(name: object, size: object = 3, sha256: object = None, blob: object = GIT) -> object:
    lfs = SimpleNamespace(sha256=sha256) if sha256 is not None else None
    return SimpleNamespace(rfilename=name, size=size, lfs=lfs, blob_id=blob)


REST = [one("config.json"), one("tokenizer.json")]


@pytest.mark.parametrize(
    "weights",
    [
        one("model.safetensors", sha256="../../x"),
        one("model.safetensors", sha256="A" * 64),
        one("model.safetensors", sha256=7),
        one("model.safetensors", blob=None),
        one("model.safetensors", size=-1, sha256=SHA256),
        one("model.safetensors", size=10**15, sha256=SHA256),
        one("model.safetensors", size="3", sha256=SHA256),
    ],
)
def test_sizes_and_sums_that_are_none(weights: object) -> None:
    with pytest.raises(Unusable) as caught:
        wanted([*REST, weights])
    assert caught.value.kind == "no checksum"


def test_names_that_are_no_texts_are_passed_over() -> None:
    found = wanted([one(None), one(7), one("model.safetensors", sha256=SHA256), *REST, object()])
    assert [file.name for file in found] == ["config.json", "tokenizer.json", "model.safetensors"]
