"""Texts made into data to learn from: the orders, and the short child that carries them out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec

from talecraft.process import errand
from talecraft.process.errand import Unfit

LEAST_SCORE = 0.5  # of a chunk that should be learned from
COMMAND = (sys.executable, "-m", "talecraft.corpus")


class IdfOrder(msgspec.Struct, frozen=True, tag="idf"):
    """Count in how many passages of the texts at `source` each word is, and write those in
    `fewest` or more of them to `target`, as `talecraft.story.idf.Idf`."""

    source: str
    target: str
    fewest: int


class ChunkOrder(msgspec.Struct, frozen=True, tag="chunk"):
    """Cut the books at `sources` into chunks of about `tokens` tokens, and write these to
    `target`, one a line. `author` is whose they are ('': as the books say); `tokenizer` the file
    that tells what a token is ('': reckoned from words)."""

    sources: list[str]
    target: str
    tokens: int
    author: str
    tokenizer: str


class PairsOrder(msgspec.Struct, frozen=True, tag="pairs"):
    """Pair the chunks in `sources` (files that a ChunkOrder wrote), about `count` pairs drawn by
    `seed`, into `target`. `author`: only pairs with this one's chunks ('': of all); `rewritten`: a
    file of retold chunks (''); chunks below the `least` score are left out."""

    sources: list[str]
    target: str
    author: str
    rewritten: str
    count: int
    seed: int
    least: float


class PromptsOrder(msgspec.Struct, frozen=True, tag="prompts"):
    """Read the prompts in the file `source`, at most `most` of them, drawn at random."""

    source: str
    most: int


class MannerOrder(msgspec.Struct, frozen=True, tag="manner"):
    """Gather what the manner of `author` is learned from out of `sources` (files of chunks, or
    books, which are cut into chunks of about `tokens`) into `target`: at most `most` chunks with
    their plans to learn from, at most `held` of books or chapters held back by `seed`, and some of
    other authors. `tokenizer` and `least` are as in a ChunkOrder and a PairsOrder."""

    sources: list[str]
    target: str
    author: str
    tokens: int
    tokenizer: str
    most: int
    held: int
    seed: int
    least: float


Order = IdfOrder | ChunkOrder | PairsOrder | PromptsOrder | MannerOrder


class Working(msgspec.Struct, frozen=True, tag="working"):
    """So many of the files are read, with so many passages or chunks in them; of pairs, so many of
    them are written."""

    done: int
    of: int
    made: int


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """Of so many passages `words` were written; `rare` ones were in too few of them. In bytes."""

    passages: int
    words: int
    rare: int
    size: int


class BookRead(msgspec.Struct, frozen=True):
    """What became of one book; `cut` is how many of its words were left out."""

    author: str
    book: str
    chapters: int
    chunks: int
    words: int
    cut: int


class Chunked(msgspec.Struct, frozen=True, tag="chunked"):
    """What was written. `cut`: words left out, by what they were; `below`: how many chunks have a
    score of less than `LEAST_SCORE`; `skipped`: files that held no story."""

    books: list[BookRead]
    chunks: int
    words: int
    tokens: int
    below: int
    cut: dict[str, int]
    skipped: list[str]


class Paired(msgspec.Struct, frozen=True, tag="paired"):
    """What was written: `pairs` by their kind and part ("same author, held"), `across` of those of
    one author being of two books; of how many chunks and authors; how many chunks were left out,
    and why."""

    pairs: dict[str, int]
    across: int
    chunks: int
    authors: int
    left_out: dict[str, int]


class PromptsRead(msgspec.Struct, frozen=True, tag="prompts"):
    """The prompts in their order, each once, of `there` in the file."""

    prompts: list[str]
    there: int


class MannerRead(msgspec.Struct, frozen=True, tag="manner"):
    """What was gathered of `author`, as the texts write the name: chunks to learn from (`train`)
    and `held` back, of the books `held_books` where there are `several`, else of chapters; of how
    many `others` there is something; `unplanned` chunks have nothing that a plan could be made of;
    of `there` chunks of the author in all."""

    author: str
    train: int
    held: int
    held_books: list[str]
    several: bool
    others: int
    unplanned: int
    there: int


Answer = Working | Counted | Chunked | Paired | PromptsRead | MannerRead | Unfit
T = TypeVar("T", bound=msgspec.Struct)
_decode = msgspec.json.Decoder(Answer).decode


def carry_out(order: Order, answer: type[T], hear: Callable[[Working], None]) -> T:
    """Raises UsageError, in words, for texts that cannot be used, EngineError where the child
    fails. Interrupted, the child is ended too."""

    def progress(said: Answer) -> None:
        if isinstance(said, Working):
            hear(said)

    return errand.obtain(COMMAND, order, _decode, progress, answer, "Reading the texts")
