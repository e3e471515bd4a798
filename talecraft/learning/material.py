"""What the pattern is learned from: tales as sequences of ids, and in which order they come.

A tale is read once and kept in the run's folder, so that a run which goes on has the very texts
that it began with, whatever became of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from talecraft.corpus.reading import read
from talecraft.corpus.rendering import Span, render
from talecraft.corpus.tales import Passage, Tale
from talecraft.engine.codec import Codec
from talecraft.errors import EngineError
from talecraft.paths import private_write
from talecraft.process.run_client import TALES
from talecraft.process.run_events import FEWEST_HELD, PatternSettings, TalesRead
from talecraft.story.context import Block

MOST_HELD = 60
# So many tales with one premise, or such a share of all, and it is no prompt but an instruction.
MANY_ALIKE, MOST_ALIKE = 10, 0.05
ONE_SHOT_ROOM = 0.4  # of a sequence's: a longer example leaves too little for the tale
_decode = msgspec.json.Decoder(Tale).decode


@dataclass(frozen=True, slots=True)
class Lesson:
    """One sequence: its ids, for each whether it is learned (or only read), and whether it closes a
    plan or ends a turn."""

    ids: Sequence[int]
    learned: Sequence[bool]
    turning: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Piece:
    """As much of a tale as fits a sequence: the passages before `first` are read only; `ends` where
    the tale ends with it."""

    tale: Tale
    first: int = 0
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Scribe:
    """Puts tales into a model's ids, as its page would show them; `end` is the id with which it
    ends a text."""

    codec: Codec
    end: int
    room: int  # tokens of the longest sequence
    tags: frozenset[str] = frozenset()  # what a tale's own words must not hold

    @classmethod
    def of(cls, codec: Codec, tokenizer: Any, room: int) -> Scribe:
        """Raises EngineError for a model that has no end of text."""
        own = tokenizer.eos_token_id
        ends = sorted(codec.end_ids)
        if not ends:
            raise EngineError(
                "This model has no token that ends a text, so it cannot learn to end one.",
                "Give its config.json an eos_token_id.",
            )
        tags = {*codec.style.stops, codec.style.prose_tag, *tokenizer.all_special_tokens}
        return cls(codec, own if own in ends else ends[0], room, frozenset(tags))

    def untagged(self, tale: Tale) -> Tale:
        """The tale without what this model would take for the end of a plan or a turn."""

        def plain(text: str) -> str:
            for tag in self.tags:
                text = text.replace(tag, "")
            return text

        passages = tuple(
            Passage(tuple(plain(beat) for beat in one.outline), plain(one.prose))
            for one in tale.passages
        )
        return Tale(plain(tale.premise), passages, tale.source)

    def encode(self, piece: Piece, shown: Tale | None = None) -> Lesson:
        """A piece as a sequence, after the example `shown` where there is one."""
        ids: list[int] = []
        learned: list[bool] = []
        turning: list[bool] = []
        end = self.codec.decode([self.end])
        style = self.codec.style
        spans = render(piece.tale, style, shown, piece.first, end, piece.ends)
        for at, span in enumerate(spans):
            if at == 0 and style.chat:  # the user's message of its own template
                part = self.codec.premise(Block(span.text))
            elif piece.ends and span.text == end:
                part = [self.end]
            else:
                part = self.codec.encode(span.text)
            ids += part
            learned += [span.learned] * len(part)
            turning += self._turning(span, len(part), end)
        return Lesson(ids[: self.room], learned[: self.room], turning[: self.room])

    def _turning(self, span: Span, tokens: int, end: str) -> list[bool]:
        """Which of a span's tokens close its plan (its tag) or end the turn (the prose's last one,
        and the tag after it)."""
        style = self.codec.style
        if not span.learned or span.text in (style.think_open, end):
            return [span.learned] * tokens
        plan = span.text[: span.text.index(style.prose_tag)]
        begun = len(self.codec.encode(plan))
        closed = len(self.codec.encode(plan + style.prose_tag))
        return [begun <= at < closed or at == tokens - 1 for at in range(tokens)]

    def premise(self, text: str) -> list[int]:
        """The prompt of a new story, as the engine encodes it."""
        return self.codec.premise(Block(f"{self.codec.style.premise_open}{text.strip()}\n"))

    def pieces(self, tale: Tale) -> Iterator[Piece]:
        """The tale in pieces of whole passages, each after the premise, as a page shows them whose
        beginning has left the window; each but the first after the passage before it.

        The last plan of a tale of several passages says that it is the last, as the page makes it
        say where the writer asks for an end.
        """
        tale = self._ending(tale)
        sizes = [self._size(tale, (passage,)) for passage in tale.passages]
        base = self._size(tale, ())
        begun, used = 0, base
        for at, size in enumerate(sizes):
            own = size - base
            if at > begun and used + own > self.room:
                yield self._piece(tale, begun, at)
                read = sizes[at - 1] - base
                begun, used = at, base + (read if base + read + own <= self.room else 0)
            used += own
        yield self._piece(tale, begun, len(sizes))

    def _ending(self, tale: Tale) -> Tale:
        *others, last = tale.passages
        if not others or not last.outline:
            return tale
        beat = self.codec.style.last_beat
        if last.outline[-1] == beat:
            return tale
        last = msgspec.structs.replace(last, outline=(*last.outline, beat))
        return msgspec.structs.replace(tale, passages=(*others, last))

    def _piece(self, tale: Tale, begun: int, end: int) -> Piece:
        before = tale.passages[begun - 1 : end] if begun else tale.passages[:end]
        with_one_before = Piece(
            msgspec.structs.replace(tale, passages=before),
            int(begun > 0),
            end == len(tale.passages),
        )
        if not begun or self._whole(with_one_before) <= self.room:
            return with_one_before
        return Piece(
            msgspec.structs.replace(tale, passages=tale.passages[begun:end]),
            0,
            end == len(tale.passages),
        )

    def _whole(self, piece: Piece) -> int:
        return self._size(piece.tale, piece.tale.passages)

    def _size(self, tale: Tale, passages: tuple[Passage, ...]) -> int:
        spans = render(msgspec.structs.replace(tale, passages=passages), self.codec.style)
        return sum(len(self.codec.encode(span.text)) for span in spans)


@dataclass(frozen=True, slots=True)
class Material:
    """Tales to learn from and tales held back, no premise and no prose in both; in pieces that fit
    into a sequence."""

    train: Sequence[Tale]
    held: Sequence[Tale]
    pieces: Sequence[Piece]
    one_shots: Sequence[Tale]

    def summary(self, scribe: Scribe) -> TalesRead:
        """Figures of all of it. Tokens and pieces are what the tales to learn from have."""
        return msgspec.structs.replace(
            summary(self.train, self.held),
            tokens=sum(len(scribe.encode(one).ids) for one in self.pieces),
            examples=len(self.pieces),
        )


def summary(train: Sequence[Tale], held: Sequence[Tale]) -> TalesRead:
    """How many there are; tokens and pieces are not counted."""
    tales = [*train, *held]
    turns = sum(len(one.passages) for one in tales)
    return TalesRead(
        tales=len(tales),
        held_out=len(held),
        turns=turns,
        tokens=0,
        examples=0,
        words=f"{len(train)} tales to learn from, {len(held)} held back to judge by.",
    )


def gather(
    folder: Path, data: str, most: int = 0, alive: Callable[[], None] = lambda: None
) -> list[Tale]:
    """The tales of a run: from its folder where it keeps them, else from `data`, and kept.

    Raises UsageError, with file and row, for what cannot be read, and what `alive` raises.
    """
    kept = folder / TALES
    if kept.exists():
        return [_decode(line) for line in kept.read_bytes().splitlines()]
    tales, _ = told(read(Path(data), most=most, alive=alive).tales)
    private_write(kept, b"".join(msgspec.json.encode(one) + b"\n" for one in tales))
    return tales


def told(tales: Sequence[Tale]) -> tuple[list[Tale], list[str]]:
    """Those that there is a plan to learn from, each once; and where the others stand, and why
    they are left out."""
    kept: dict[object, Tale] = {}
    left: list[str] = []
    for one in tales:
        if not any(passage.outline for passage in one.passages):
            left.append(f"{one.source} (no plan in it)")
        elif (first := kept.setdefault((one.premise, one.passages), one)) is not one:
            left.append(f"{one.source} (the same as {first.source})")
    return list(kept.values()), left


def prepare(
    tales: Sequence[Tale], scribe: Scribe, settings: PatternSettings, seed: int
) -> Material:
    """Split by tale, and cut what is to be learned into pieces that fit a sequence."""
    tales = [scribe.untagged(one) for one in tales]
    train, held = split(tales, settings.held_out, seed)
    pieces = [piece for tale in train for piece in scribe.pieces(tale)]
    return Material(train, held, pieces, _one_shots(pieces, scribe, settings, seed))


def _one_shots(
    pieces: Sequence[Piece], scribe: Scribe, settings: PatternSettings, seed: int
) -> list[Tale]:
    """A few of the shorter pieces: an example shows the form, and should not crowd out the tale. A
    chat has its own way to be told of the form, and gets none."""
    if scribe.codec.style.chat:
        return []
    begun = [one for one in pieces if not one.first and one.ends]
    sized = sorted((len(scribe.encode(one).ids), at) for at, one in enumerate(begun))
    fitting = [begun[at].tale for size, at in sized if size <= ONE_SHOT_ROOM * scribe.room]
    some = fitting[: max(settings.one_shots, len(fitting) // 2)]
    chosen = np.random.default_rng([seed, 21]).permutation(len(some))
    return [some[at] for at in chosen[: settings.one_shots]]


def split(tales: Sequence[Tale], share: float, seed: int) -> tuple[list[Tale], list[Tale]]:
    """Tales to learn from and about `share` of them held back; those of one premise, or with a
    passage in common, stay together."""
    groups = _related(tales)
    wanted = min(MOST_HELD, max(FEWEST_HELD, round(share * len(tales))))
    most = min(MOST_HELD, 2 * wanted)
    held: list[Tale] = []
    for at in np.random.default_rng([seed, 20]).permutation(len(groups)):
        if len(held) < wanted and len(held) + len(groups[at]) <= most:
            held += groups[at]
    chosen = {id(one) for one in held}
    return [one for one in tales if id(one) not in chosen], held


def _related(tales: Sequence[Tale]) -> list[list[Tale]]:
    """The tales in groups, in order of their first; within one each has a premise or a passage in
    common with another."""
    leader = list(range(len(tales)))

    def first(at: int) -> int:
        while leader[at] != at:
            leader[at] = at = leader[leader[at]]
        return at

    known: dict[str, int] = {}
    alike = Counter(" ".join(tale.premise.lower().split()) for tale in tales)
    most = max(MANY_ALIKE, MOST_ALIKE * len(tales))  # "Write a story." says nothing
    for at, tale in enumerate(tales):
        for text in (tale.premise, *(passage.prose for passage in tale.passages)):
            if text == tale.premise and alike[" ".join(text.lower().split())] > most:
                continue
            if name := " ".join(text.lower().split()):
                one, other = sorted((first(known.setdefault(name, at)), first(at)))
                leader[other] = one
    groups: dict[int, list[Tale]] = {}
    for at, tale in enumerate(tales):
        groups.setdefault(first(at), []).append(tale)
    return list(groups.values())


class Lessons:
    """The whole run as one list: `lessons[i]` is the i-th sequence, the same each time it is asked
    for. Each epoch has every piece once, in an order of its own; the sequences of one optimiser
    step stand together, short before long, so that micro-batches are of like length."""

    def __init__(
        self, material: Material, scribe: Scribe, settings: PatternSettings, seed: int
    ) -> None:
        self._material = material
        self._scribe = scribe
        self._settings = settings
        sizes = np.array([len(one.tale.prose) for one in material.pieces])
        random = np.random.default_rng([seed, 22])
        order = np.concatenate(
            [random.permutation(len(material.pieces)) for _ in range(settings.epochs)]
        )
        self.steps = -(-len(order) // settings.batch)
        order = np.resize(order, self.steps * settings.batch)  # the last step is a whole one too
        progress = np.arange(len(order)) / len(order)
        share = settings.one_shot * np.clip(1 - progress / settings.one_shot_until, 0, 1)
        shots = random.integers(0, max(1, len(material.one_shots)), len(order))
        with_shot = (random.random(len(order)) < share) & (len(material.one_shots) > 0)
        self._shots = np.where(with_shot, shots, -1)
        self._order = order
        for at in range(0, len(order), settings.batch):
            here = slice(at, at + settings.batch)
            # An order by what is known without encoding: an example, then letters.
            ranked = np.lexsort((sizes[order[here]], self._shots[here] >= 0))
            self._order[here] = order[here][ranked]
            self._shots[here] = self._shots[here][ranked]

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, at: int) -> Lesson:
        piece = self._material.pieces[self._order[at]]
        shot = self._shots[at]
        alone = self._scribe.encode(piece)
        if shot < 0 or (example := self._material.one_shots[shot]) == piece.tale:
            return alone
        with_it = self._scribe.encode(piece, example)
        # Where there is no room for both, the tale stands alone: nothing of it is cut off.
        return with_it if sum(with_it.learned) == sum(alone.learned) else alone

    def one_shot_share(self, step: int) -> float:
        """Which share of the sequences of a step (from 1) was to begin with an example."""
        here = slice((step - 1) * self._settings.batch, step * self._settings.batch)
        return float((self._shots[here] >= 0).mean())
