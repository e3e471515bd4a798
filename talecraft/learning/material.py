"""What the pattern is learned from: tales as sequences of ids, and in which order they come.

A tale is read once and kept in the run's folder, so that a run which goes on has the very texts
that it began with, whatever became of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from talecraft.corpus.reading import read
from talecraft.corpus.tales import Tale
from talecraft.learning.scribe import Lesson, Piece, Scribe
from talecraft.paths import private_write
from talecraft.process.run_client import TALES
from talecraft.process.run_events import FEWEST_HELD, PatternSettings, TalesRead

MOST_HELD = 60
# So many tales with one premise, or such a share of all, and it is no prompt but an instruction.
MANY_ALIKE, MOST_ALIKE = 10, 0.05
ONE_SHOT_ROOM = 0.4  # of a sequence's: a longer example leaves too little for the tale
_decode = msgspec.json.Decoder(Tale).decode


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
