"""Plans: the beats of a passage, taken from it or from a true summary of its story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from talecraft.corpus import clauses
from talecraft.corpus.present import present
from talecraft.story.words import PRONOUNS, content, words

MOST_BEATS = 4
WORDS_A_BEAT = 32  # of prose
_STATES = frozenset("is are has have feels seems looks knows thinks likes says".split())


def beats(prose: str) -> tuple[str, ...]:
    """What happens in `prose`, in order: clauses in the present tense, about one for every 32
    words, the most telling of each stretch first. () where nothing can be taken whole."""
    told = clauses.sentences(clauses.told(prose))
    lengths = [len(words(one)) for one in told]
    count = min(MOST_BEATS, max(2, round(sum(lengths) / WORDS_A_BEAT)))
    every: list[_Candidate] = []
    read = 0
    for sentence, length in zip(told, lengths, strict=True):
        stretch = int(count * (read + length / 2) / max(1, sum(lengths)))
        read += length
        for clause in clauses.clauses(sentence, most=16):
            beat = present(clause)
            every.append(_Candidate(stretch, _worth(beat), beat, len(every)))
    chosen: list[_Candidate] = []
    for spread in (True, False):  # one of each stretch, then whatever tells most
        for one in sorted(every, key=lambda one: -one.worth):
            fits = not spread or all(one.stretch != other.stretch for other in chosen)
            if len(chosen) < count and one.worth > 0 and fits and not _told_by(one, chosen):
                chosen.append(one)
    return tuple(_written(one.beat) for one in sorted(chosen, key=lambda one: one.at))


class _Candidate(NamedTuple):
    stretch: int
    worth: float
    beat: str
    at: int


def _told_by(one: _Candidate, chosen: Sequence[_Candidate]) -> bool:
    """Whether more than half of it stands in another beat."""
    stems = content(one.beat)
    return any(2 * len(stems & content(other.beat)) > len(stems) for other in chosen)


def of_summary(summary: str) -> list[str]:
    """A true summary's beats, in order."""
    found = [
        present(clause)
        for sentence in clauses.sentences(clauses.told(summary))
        for clause in clauses.clauses(sentence, most=18)
    ]
    return [_written(one) for one in found]


def placed(beats: Sequence[str], passages: Sequence[str]) -> list[tuple[str, ...]]:
    """Each passage's share of a story's `beats`, their order kept: the placing under which beats
    and passages have most content words in common. A beat that has none in its passage is left."""
    stems = [content(one) for one in passages]
    wanted = [content(one) for one in beats]
    shared = [[len(one & other) / max(1, len(one)) for other in stems] for one in wanted]
    # best[p]: the most that the beats so far can share when the last one stands in passage p
    best = [0.0] * len(passages)
    came: list[list[int]] = []
    for row in shared:
        until, at, before, came_from = 0.0, 0, best, []
        best = []
        for passage, value in enumerate(row):
            if before[passage] > until:
                until, at = before[passage], passage
            best.append(until + value)
            came_from.append(at)
        came.append(came_from)
    where, at = [0] * len(beats), max(range(len(passages)), key=best.__getitem__, default=0)
    for index in range(len(beats) - 1, -1, -1):
        where[index] = at
        at = came[index][at]
    found: list[list[str]] = [[] for _ in passages]
    for beat, passage, row in zip(beats, where, shared, strict=True):
        if row[passage] > 0.3:
            found[passage].append(beat)
    return [tuple(one[:MOST_BEATS]) for one in found]


def _worth(beat: str) -> float:
    """More content and a named subject are worth more, a mere state less."""
    found = words(beat)
    worth = float(len(content(beat)))
    if found[0].lower() not in PRONOUNS:
        worth += 1.0
    if any(word.lower() in _STATES for word in found[1:4]):
        worth -= 1.0
    return worth - 0.25 * max(0, len(found) - 10)


def _written(beat: str) -> str:
    return beat[:1].upper() + beat[1:]


def followed(outline: str, prose: str) -> float | None:
    """The share of the outline's content words, stemmed, that stand in its prose; None where it
    has none."""
    wanted = content(outline)
    return len(wanted & content(prose)) / len(wanted) if wanted else None


def copied(outline: str, prose: str, length: int = 6) -> bool:
    """Whether a run of `length` words of one beat stands in the prose as it is."""
    text = f" {' '.join(words(prose.lower()))} "
    for beat in outline.lower().splitlines():
        found = words(beat)
        runs = (found[at : at + length] for at in range(len(found) - length + 1))
        if any(f" {' '.join(run)} " in text for run in runs):
            return True
    return False
