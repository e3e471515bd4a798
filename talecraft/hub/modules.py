"""Can what a sentence encoder's repository names as its modules be used, and by no program of its
own? Asked before its weights are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from talecraft.hub.selection import Unusable, Wanted

NAME = "modules.json"
MOST_BYTES, MOST = 100_000, 10
_OWN = "sentence_transformers."
_WEIGHED = ("Dense", "LayerNorm", "WeightedLayerPooling")  # kinds that are nothing without weights


class Module(msgspec.Struct, frozen=True):
    """One of them: of which class, in which folder of the repository; '' is all of it."""

    type: str
    path: str = ""


def check(place: Path, files: Sequence[Wanted]) -> None:
    """Raises Unusable for what the modules.json in `place` names, of which these files come."""
    names = {file.name for file in files}
    try:
        if (place / NAME).stat().st_size > MOST_BYTES:
            raise Unusable("no weights", "modules")
        found = msgspec.json.decode((place / NAME).read_bytes(), type=list[Module])
    except msgspec.MsgspecError as error:
        raise Unusable("no weights", "modules") from error
    if not found or len(found) > MOST or "" not in (one.path for one in found):
        raise Unusable("no weights", "modules")
    for one in found:
        if not one.type.startswith(_OWN):
            raise Unusable("no weights", "foreign modules")
        weights = str(PurePosixPath(one.path) / "model.safetensors")
        if one.type.rpartition(".")[2] in _WEIGHED and weights not in names:
            raise Unusable("no weights", "module without weights")
