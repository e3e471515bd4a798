"""Chunks of one author and of several -> pairs with a score for how alike their manner is.

The pairs are those of Sentence-BERT's regression objective (Reimers and Gurevych 2019, section
3): two texts, and the cosine that their embeddings should have.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from talecraft.corpus.chunk_files import Chunks, Retellings, Stored
from talecraft.corpus.holding import Split, splits
from talecraft.errors import UsageError
from talecraft.process.corpus import Paired
from talecraft.story.clean import clean_line

Kind = Literal["same author", "other author", "rewritten"]
# What a rewritten text shares with its chunk is what happens, and no manner; two texts of unlike
# authors share neither.
SCORES: dict[Kind, float] = {"same author": 1.0, "other author": 0.0, "rewritten": 0.2}
TRIES = 20  # to find a pair that was not drawn before
EVERY = 1000  # pairs between two words of how far it is
Write = Callable[[bytes], object]


class Pair(msgspec.Struct, frozen=True):
    text1: str
    text2: str
    score: float
    kind: Kind
    split: Split


class _Drawn(NamedTuple):
    """A pair by the numbers of its chunks; of a rewritten one the second is where it lies in its
    file."""

    first: int
    second: int
    kind: Kind
    split: Split


def write(
    paths: Sequence[Path], author: str, rewritten: Path | None, count: int, seed: int, least: float,
    out: Write, hear: Callable[[int, int], None],
) -> Paired:  # fmt: skip
    """Give `out` about `count` pairs, one a line, in an order that is drawn: of both parts in the
    measure of their chunks, as many of one author as of two, and of rewritten ones as many as there
    are up to as many again. With `author` all pairs have that author's chunk in them. `hear` is
    told how many are written, of so many.

    Raises UsageError where a file cannot be read, or the chunks make no pairs.
    """
    chunks = Chunks(paths, least)
    _enough(chunks, author)
    retellings = Retellings(rewritten, chunks) if rewritten is not None else None
    drawn = _drawn(chunks.found, author, count, seed, retellings.of if retellings else {})
    for done, one in enumerate(drawn):
        if done % EVERY == 0:
            hear(done, len(drawn))
        beside = retellings if retellings is not None and one.kind == "rewritten" else chunks
        pair = Pair(
            chunks.text(one.first), beside.text(one.second), SCORES[one.kind], one.kind, one.split
        )  # fmt: skip
        out(msgspec.json.encode(pair) + b"\n")
    hear(len(drawn), len(drawn))
    if retellings is not None and retellings.lost:
        chunks.left["rewritten of no chunk"] = retellings.lost
    counts = Counter(f"{one.kind}, {one.split}" for one in drawn)
    authors = len({one.place.author for one in chunks.found})
    across = sum(_across(chunks.found, one) for one in drawn)
    left = dict(chunks.left)
    return Paired(dict(sorted(counts.items())), across, len(chunks.found), authors, left)


def _across(found: Sequence[Stored], one: _Drawn) -> bool:
    """Whether it is of one author and two books."""
    if one.kind != "same author":
        return False
    return found[one.first].place.book != found[one.second].place.book


def _drawn(
    found: Sequence[Stored], author: str, count: int, seed: int, retold: Mapping[int, int]
) -> list[_Drawn]:
    """The pairs of both parts, in an order that is drawn."""
    held = splits([one.place for one in found], seed)
    parts: dict[Split, list[int]] = {"train": [], "held": []}
    for at, one in enumerate(found):
        parts[held[one.place]].append(at)
    meant = {at for at, one in enumerate(found) if author in ("", one.place.author)}
    drawn: list[_Drawn] = []
    for split, members in parts.items():
        share = round(count * len(meant.intersection(members)) / len(meant))
        draw = _Draw(found, members, split, author, random.Random(f"{seed} {split}"))
        drawn += draw.pairs(share, retold)
    random.Random(f"{seed} order").shuffle(drawn)
    return drawn


class _Draw:
    """Draws the pairs of one part."""

    def __init__(
        self, found: Sequence[Stored], members: Sequence[int], split: Split, author: str,
        rng: random.Random,
    ) -> None:  # fmt: skip
        self._found, self._split, self._author, self._rng = found, split, author, rng
        self._by_author: dict[str, list[int]] = defaultdict(list)
        for at in members:
            self._by_author[found[at].place.author].append(at)
        self._members = set(members)

    def pairs(self, count: int, retold: Mapping[int, int]) -> list[_Drawn]:
        """About so many; `retold` says where the retelling of a chunk lies. Half of those of one
        author come from who has several books here: within one book, what is told is alike too."""
        mine = [at for at in retold if at in self._members and self._is_meant(at)]
        self._rng.shuffle(mine)
        other = mine[: count // 3]
        half = (count - len(other)) // 2
        authors = sorted(self._by_author) if not self._author else [self._author]
        authors = [one for one in authors if self._by_author.get(one)]
        several = [one for one in authors if self._books(one) > 1]
        seen: set[tuple[int, int]] = set()
        across = list(self._pairs(half // 2, "same author", self._same, several, seen))
        return [
            *across,
            *self._pairs(half - len(across), "same author", self._same, authors, seen),
            *self._pairs(half, "other author", self._other, authors, set()),
            *(_Drawn(at, retold[at], "rewritten", self._split) for at in other),
        ]

    def _is_meant(self, at: int) -> bool:
        return not self._author or self._found[at].place.author == self._author

    def _books(self, author: str) -> int:
        return len({self._found[at].place.book for at in self._by_author[author]})

    def _pairs(
        self, count: int, kind: Kind, partner: Callable[[int], int | None], of: Sequence[str],
        seen: set[tuple[int, int]],
    ) -> Iterator[_Drawn]:  # fmt: skip
        """Authors come by turns, and each one's chunks by turns: all weigh alike. Who has no new
        pair left drops out; what was `seen` comes no more."""
        authors = list(of)
        self._rng.shuffle(authors)
        decks: dict[str, list[int]] = {one: [] for one in authors}
        made = 0
        while authors and made < count:
            for one in list(authors):
                pair = self._new(one, decks[one], partner, seen) if made < count else None
                if pair is not None:
                    made += 1
                    yield _Drawn(*pair, kind, self._split)
                elif made < count:
                    authors.remove(one)

    def _new(
        self, author: str, deck: list[int], partner: Callable[[int], int | None],
        seen: set[tuple[int, int]],
    ) -> tuple[int, int] | None:  # fmt: skip
        for _ in range(TRIES):
            if not deck:
                deck += self._by_author[author]
                self._rng.shuffle(deck)
            first = deck.pop()
            second = partner(first)
            if second is None:
                continue
            key = min(first, second), max(first, second)
            if key not in seen:
                seen.add(key)
                return first, second
        return None

    def _same(self, at: int) -> int | None:
        """Of the author's other books, where there are none of other chapters, else any other."""
        mine, place = self._by_author[self._found[at].place.author], self._found[at].place
        for apart in (
            lambda one: one.book != place.book,
            lambda one: one != place,
            lambda one: True,
        ):
            # Drawn first, and gone through only where that fails: there may be many.
            for _ in range(TRIES):
                other = self._rng.choice(mine)
                if other != at and apart(self._found[other].place):
                    return other
            fit = [one for one in mine if one != at and apart(self._found[one].place)]
            if fit:
                return self._rng.choice(fit)
        return None

    def _other(self, at: int) -> int | None:
        mine = self._found[at].place.author
        authors = [one for one in sorted(self._by_author) if one != mine]
        return self._rng.choice(self._by_author[self._rng.choice(authors)]) if authors else None


def _enough(chunks: Chunks, author: str) -> None:
    """Raises UsageError where there can be no pairs."""
    authors = Counter(one.place.author for one in chunks.found)
    if not authors:
        why = ", ".join(f"{count} {what}" for what, count in sorted(chunks.left.items()))
        hint = "Name the authors: `talecraft corpus chunk --author`."
        if not chunks.left["no author"]:
            hint = "Take those with a lower score, too (--least), or give more chunks."
        raise UsageError(f"There is no chunk to pair ({why or 'the files are empty'}).", hint)
    if author and author not in authors:
        most = ", ".join(clean_line(one) for one, _ in authors.most_common(8))
        raise UsageError(f"No chunk is by '{clean_line(author)}'.", f"Authors: {most}.")
    if len(authors) < 2:
        raise UsageError(
            f"All chunks are by {clean_line(next(iter(authors)))}.",
            "Give chunks of another author beside them: manners are told from others.",
        )
