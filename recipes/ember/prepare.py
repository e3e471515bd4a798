"""Corpora -> train.jsonl and heldout.jsonl: filtered, deduplicated, renamed, split by story."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from recipes.ember import names
from recipes.ember.sources import LEAST_WORDS, Text, read

HELD_OUT = 0.03  # of all groups
MOST_SEEN = 0.25  # of a text's shingles; more, and it stands in an earlier text already
SHINGLE = 8  # words
# No model should learn these as words of its own; a text that has one is left out.
SLURS = re.compile(
    r"(?i)\b(nigg\w*|dark(?:y|ies?|eys?)|pickaninn\w*|piccaninn\w*|negro\w*|negress\w*|chink\w?"
    r"|chinam[ae]n|japs?|injun\w*|redskin\w*|squaw\w*|kaffir\w*|coolie\w*|wop|wops|dago\w*|spic|spics"
    r"|half-breed\w*|mulatto\w*|savages|jewess\w*|sheeny|gypp\w*|retard\w*|whore\w*|slut\w*|rape[ds]?)\b"
)
REFUSAL = re.compile(r"(?i)\b(as an ai|language model|i can(?:'|no)t (?:write|create|help))\b")


def prepare(corpus: Path, out: Path, seed: int = 0) -> Counter[str]:
    """Write both files under `out`; returns what was kept and left out, and why."""
    told: Counter[str] = Counter()
    texts = list(names.capped(unique(sound(read(corpus), told), told), seed))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "train.jsonl").open("wb") as train, (out / "heldout.jsonl").open("wb") as rest:
        for one in texts:
            away = _held(one.group, seed)
            (rest if away else train).write(msgspec.json.encode(one) + b"\n")
            told[f"{'held out' if away else 'train'}: {one.source}"] += 1
            told["characters held out" if away else "characters to train on"] += len(one.body)
    return told


def load(path: Path) -> list[Text]:
    """What `prepare` wrote."""
    return [msgspec.json.decode(line, type=Text) for line in path.read_bytes().splitlines()]


def sound(texts: Iterable[Text], told: Counter[str]) -> Iterator[Text]:
    """Those that can be learned from; `told` counts the others, and why."""
    for one in texts:
        if len(one.body.split()) < LEAST_WORDS:
            told["left out: too short"] += 1
        elif SLURS.search(one.body):
            told["left out: slurs"] += 1
        elif REFUSAL.search(one.body[:200]):
            told["left out: refusals"] += 1
        elif _odd(one.body):
            told["left out: not prose"] += 1
        else:
            body = "\n\n".join(row for row in one.body.split("\n") if row)
            yield msgspec.structs.replace(one, body=body)


def _odd(body: str) -> bool:
    """Fewer than 94 of a hundred characters are plain letters, blanks or common marks."""
    return len(re.findall(r"[A-Za-z ,.\n'\"]", body)) < 0.94 * len(body)


def unique(texts: Iterable[Text], told: Counter[str]) -> Iterator[Text]:
    """A text leaves where an earlier one holds a quarter of it (every fourth shingle is kept)."""
    seen: set[int] = set()
    for one in texts:
        words = re.findall(r"[a-z]+", one.body.lower())
        marks = {
            mark
            for at in range(len(words) - SHINGLE + 1)
            if (mark := zlib.crc32(" ".join(words[at : at + SHINGLE]).encode())) % 4 == 0
        }
        if marks and len(marks & seen) > MOST_SEEN * len(marks):
            told[f"left out: told before ({one.source})"] += 1
            continue
        seen |= marks
        yield one


def _held(group: str, seed: int) -> bool:
    """By a checksum of its name: a tale is away from all sources or from none, and stays where it
    is when texts are added."""
    return zlib.crc32(f"{seed} {group}".encode()) < HELD_OUT * 2**32
