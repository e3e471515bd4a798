"""Passages that somebody found good or bad, in a table on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talecraft.corpus import cleaning, reading
from talecraft.errors import UsageError
from talecraft.process.classifier import Labelled
from talecraft.story.clean import clean, clean_line
from talecraft.story.feedback import DISLIKED, LIKED, STARS

TEXT = ("text", "passage", "story", "completion", "response", "sentence", "review")
LABEL = ("label", "labels", "class", "sentiment", "score", "stars", "rating")
GROUP = ("group", "book", "author", "prompt")
GOOD = frozenset({"1", "true", "yes", "good", "pos", "positive", "+", "+1", "like", "liked"})
BAD = frozenset({"0", "false", "no", "bad", "neg", "negative", "-", "-1", "dislike", "disliked"})


def read(path: Path) -> list[Labelled]:
    """The rows of a table (.jsonl, .csv, .tsv, .parquet) with a text and a label.

    A label is good or bad, positive or negative, 1 or 0, or like words for it; where any is above
    1 they are stars: from four on good, down to two bad, and what is between is left out. Texts of
    one `group` (or book, author, prompt) are never both learned from and judged by.

    Raises UsageError, naming file and row, for what cannot be read.
    """
    if path.suffix.lower() not in reading.TABLES:
        raise UsageError(
            f"{path.name} is no table of labelled passages.",
            f"Talecraft reads {', '.join(reading.TABLES)}.",
        )
    found: list[tuple[str, str, str, str]] = []
    with reading.readable(path):
        for number, row in reading.records(path, ()):
            where = f"{clean_line(path.name)}, row {number}"
            named = reading.columns(row)
            text = cleaning.paragraphs(clean(str(_value(named, TEXT, where, "text"))))
            label = str(_value(named, LABEL, where, "label")).strip().lower()
            group = next((str(named[one]) for one in GROUP if named.get(one)), "")
            if text.strip():
                found.append((where, text, label, group))
    stars = any(_number(label) not in (None, -1.0, 0.0, 1.0) for _, _, label, _ in found)
    labelled = []
    for number, (where, text, label, group) in enumerate(found):
        good = _good(label, stars, where)
        if good is not None:
            labelled.append(Labelled(text, good, group or f"row {number}"))
    return labelled


def _value(row: Mapping[str, Any], names: tuple[str, ...], where: str, what: str) -> object:
    for name in names:
        if row.get(name) is not None:
            return row[name]
    raise UsageError(
        f"{where} has no {what}: its columns are {', '.join(row) or 'none'}.",
        f"Call the column one of {', '.join(names)}.",
    )


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _good(label: str, stars: bool, where: str) -> bool | None:
    """None for a label that says neither."""
    number = _number(label)
    if stars and number is not None and number > STARS[-1]:
        raise UsageError(
            f"{where}: {number:g} is more than {STARS[-1]} stars.",
            "Bring the scale to five stars, or write good and bad.",
        )
    if stars and number is not None:
        return True if number >= LIKED else False if number <= DISLIKED else None
    plain = f"{number:g}" if number is not None else label
    if plain in GOOD or plain in BAD:
        return plain in GOOD
    raise UsageError(
        f"{where}: the label '{clean_line(label)[:40]}' is neither good nor bad.",
        "Write 1 or 0, good or bad, positive or negative, or stars.",
    )
