"""Texts made into data to learn from, by a child: the page never opens such files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from talecraft.paths import Home, private_folder, private_new
from talecraft.process import corpus, run_client
from talecraft.process.corpus import (
    Chunked,
    ChunkOrder,
    Counted,
    IdfOrder,
    MannerOrder,
    MannerRead,
    Paired,
    PairsOrder,
    PromptsOrder,
    PromptsRead,
    Working,
)
from talecraft.story.clean import clean_line
from talecraft.studio import foreign

MANNER_SEED = 0  # what is held back follows from it, as in `pairs` by default
CHUNK_TOKENS = 160  # of a chunk cut from a book: about a passage of the page
MOST_CHUNKS, MOST_HELD = 600, 60
NAME_CHUNKS = "Name a file that `talecraft corpus chunk` has written."
NAME_RETOLD = 'Name a file of lines with "rewritten" and "text" or "number".'
NAME_PROMPTS = "Name a file of prompts."
MOST_PROMPTS = 5000  # that a run keeps: more are never practised
NAME_TEXTS = "Name a file or a folder of texts."


def idf(
    home: Home,
    source: Path,
    target: Path | None,
    fewest: int,
    replace: bool,
    hear: Callable[[Working], None],
) -> tuple[Path, Counted]:
    """Count how common words are in these texts, into `target`, or as the writer's own table.

    Raises UsageError where the texts cannot be read or the place is taken, LibraryError where it
    cannot be written, EngineError where the child fails.
    """
    source = foreign.there(source, NAME_TEXTS)
    if target is None:
        private_folder(home.data)
    target = foreign.free(target or home.idf, replace)
    with private_new(target) as place:
        order = IdfOrder(str(source), str(place), fewest)
        return target, corpus.carry_out(order, Counted, hear)


def chunk(
    sources: Sequence[Path],
    target: Path,
    tokens: int,
    author: str,
    model: Path | None,
    replace: bool,
    hear: Callable[[Working], None],
) -> tuple[Path, Chunked]:
    """Cut books into scored chunks of about so many tokens of the model in this folder (None, or
    one without a tokenizer.json: reckoned from words).

    Raises UsageError where the books cannot be read or the place is taken, LibraryError where it
    cannot be written, EngineError where the child fails.
    """
    there = [str(foreign.there(one, NAME_TEXTS)) for one in sources]
    target = foreign.free(target, replace)
    tokenizer = model / "tokenizer.json" if model is not None else None
    known = str(tokenizer) if tokenizer is not None and tokenizer.is_file() else ""
    with private_new(target) as place:
        order = ChunkOrder(there, str(place), tokens, clean_line(author), known)
        return target, corpus.carry_out(order, Chunked, hear)


def pairs(
    sources: Sequence[Path],
    target: Path,
    author: str,
    rewritten: Path | None,
    count: int,
    seed: int,
    least: float,
    replace: bool,
    hear: Callable[[Working], None],
) -> tuple[Path, Paired]:
    """Pair chunks by how alike their manner is, a part of the books held back.

    Raises UsageError where a file is no chunks or they make no pairs or the place is taken,
    LibraryError where it cannot be written, EngineError where the child fails.
    """
    there = [str(foreign.there(one, NAME_CHUNKS)) for one in sources]
    told = str(foreign.there(rewritten, NAME_RETOLD)) if rewritten is not None else ""
    target = foreign.free(target, replace)
    with private_new(target) as place:
        order = PairsOrder(there, str(place), clean_line(author), told, count, seed, least)
        return target, corpus.carry_out(order, Paired, hear)


def manner(
    model: Path,
    author: str,
    texts: Sequence[Path],
    most: int = MOST_CHUNKS,
    hear: Callable[[Working], None] = lambda working: None,
) -> tuple[MannerRead, bytes]:
    """What there is of an author in chunks or books, and the file that a run is given of it: at
    most so many chunks to learn from, counted in tokens of the model in this folder.

    Raises UsageError where they cannot be read or hold nothing of the author, EngineError where the
    child fails, LibraryError where there is no room.
    """
    there = [str(foreign.there(one, "Name chunks, or a folder of books.")) for one in texts]
    tokenizer = model / "tokenizer.json"
    with tempfile.TemporaryDirectory(prefix="talecraft-") as name:
        target = Path(name) / run_client.MANNER
        with private_new(target) as place:
            order = MannerOrder(
                there, str(place), clean_line(author), CHUNK_TOKENS,
                str(tokenizer) if tokenizer.is_file() else "", most, MOST_HELD, MANNER_SEED,
                corpus.LEAST_SCORE,
            )  # fmt: skip
            found = corpus.carry_out(order, MannerRead, hear)
        return found, target.read_bytes()


def prompts(source: Path, most: int = MOST_PROMPTS) -> list[str]:
    """The prompts in this file, of more than `most` so many drawn at random.

    Raises UsageError where it cannot be read, EngineError where the child fails.
    """
    source = foreign.there(source, NAME_PROMPTS)
    order = PromptsOrder(str(source), most)
    return corpus.carry_out(order, PromptsRead, lambda working: None).prompts
