"""The neutral material that ships with Talecraft: story prompts and passages, never trained on.

`prompt`s are offered as opening lines and practised on in rollouts; `gate` prompts are kept for
judging a candidate and are shown nowhere else; `passage`s are what perplexity is measured on.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

Kind = Literal["prompt", "gate", "passage"]


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of reference.jsonl."""

    kind: Kind
    text: str


def reference_file() -> Path:
    return Path(str(files("talecraft"))) / "assets" / "reference.jsonl"


def idf_file() -> Path:
    """How common words are in stories, counted over passages (recipes/idf.py)."""
    return Path(str(files("talecraft"))) / "assets" / "idf.json"


def reference(kind: Kind, file: Path | None = None) -> list[str]:
    """All texts of one kind, in order."""
    decode = msgspec.json.Decoder(Reference).decode
    lines = (file or reference_file()).read_bytes().splitlines()
    return [line.text for line in map(decode, lines) if line.kind == kind]
