"""Scored pairs on disk, as `talecraft corpus pairs` writes them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from talecraft.corpus import reading
from talecraft.corpus.chunk_files import MOST_BYTES
from talecraft.corpus.pairing import Pair
from talecraft.errors import UsageError
from talecraft.story.clean import clean, clean_line

HINT = "Make pairs with `talecraft corpus pairs`."


def read(path: Path) -> tuple[list[Pair], list[Pair]]:
    """The pairs to learn from, and those held back. Raises UsageError, naming file and line, for
    what is no pair."""
    train, held = list[Pair](), list[Pair]()
    decode = msgspec.json.Decoder(Pair).decode
    with reading.readable(path), path.open("rb") as file:
        number = 0
        while data := file.readline(MOST_BYTES + 1):
            number += 1
            if not data.strip():
                continue
            where = f"{clean_line(path.name)}, line {number}"
            if len(data) > MOST_BYTES:
                raise UsageError(f"{where} is longer than {MOST_BYTES // 2**20} MB.", HINT)
            try:
                pair = decode(data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise UsageError(f"{where} is no pair: {clean_line(str(error))}.", HINT) from error
            if not 0 <= pair.score <= 1:
                raise UsageError(f"{where} has a score of {pair.score:g}.", "Scores are 0 to 1.")
            texts = (clean(pair.text1), clean(pair.text2))
            pair = msgspec.structs.replace(pair, text1=texts[0], text2=texts[1])
            (train if pair.split == "train" else held).append(pair)
    return train, held
