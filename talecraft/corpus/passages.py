"""A story cut into passages of a turn's length, and the premise it could have begun from."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from talecraft.corpus import clauses, outlines
from talecraft.corpus.present import present
from talecraft.corpus.tales import Passage, Tale
from talecraft.story.words import content, words

SHORTEST, LONGEST = 45, 110  # words
PREMISE_WORDS = 24
_INTRODUCED = re.compile(
    r"\b(?:was|were|lived|is)\s+((?:an?|two|three|four)\s[^.,;:!?\"]{3,70})", re.IGNORECASE
)


def cut(text: str, rng: random.Random, longest: int = LONGEST) -> list[str]:
    """`text` in passages of SHORTEST to `longest` words, each of whole sentences, where it can be
    of whole paragraphs. The lengths are drawn, for a model should not learn one."""
    found, held, aim = list[list[str]](), list[str](), rng.randint(SHORTEST, longest)
    for unit in _units(text, longest):
        size = len(" ".join(held).split())
        if held and size + len(unit.split()) > aim and (size >= SHORTEST or size >= 0.7 * aim):
            found.append(held)
            held, aim = [], rng.randint(SHORTEST, longest)
        held.append(unit)
    if held and found and len(" ".join(held).split()) < SHORTEST / 2:
        found[-1] += held
    elif held:
        found.append(held)
    return [_joined(one) for one in found]


def tale(text: str, premise: str, rng: random.Random, source: str = "") -> Tale:
    """A story alone as a tale: passages with the plans that can be taken from them; a premise too
    where none is given."""
    parts = [Passage(outlines.beats(one), one) for one in cut(text, rng)]
    return Tale(premise or premise_of(text, rng), tuple(parts), source)


def summarised(text: str, summary: str, rng: random.Random, source: str = "") -> Tale:
    """A story with a true summary: its beats stand where they happen, those of the passage itself
    where the summary is silent. The summary's first beat is the premise."""
    parts = cut(text, rng)
    beats = outlines.of_summary(summary)
    found = []
    for prose, told in zip(parts, outlines.placed(beats, parts), strict=True):
        own = outlines.beats(prose)
        found.append(Passage(told if len(told) > 1 else _merged(told, own), prose))
    return Tale(beats[0] if beats else premise_of(text, rng), tuple(found), source)


def premise_of(text: str, rng: random.Random) -> str:
    """A line such as a writer would begin from: whom the story introduces and what they are about
    to do, or its most telling beat; its first sentence, shortened, where nothing is told."""
    opening = " ".join(text.split()[:160])
    beats = outlines.beats(opening)
    who = _INTRODUCED.search(clauses.told(" ".join(opening.split()[:60])))
    if who and rng.random() < 0.7:
        subject = re.split(r"\s(?:but|who|that|which|with|in|on|near|at|by)\s", who[1])[0].strip()
        then = [one for one in beats if words(one)[0].lower() in {"he", "she", "it", "they"}]
        line = f"{subject} who {then[0].partition(' ')[2]}" if then else who[1].strip()
    else:
        line = rng.choice(beats) if beats else present(clauses.sentences(text)[0])
    line = " ".join(line.split()[:PREMISE_WORDS]).strip(" ,;:.|—-")
    return line[:1].upper() + line[1:]


def _merged(told: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """The summary's one beat before those of the passage that say something else."""
    known = {stem for one in told for stem in content(one)}
    fresh = [one for one in own if len(content(one) & known) <= 1]
    return (told + tuple(fresh))[: outlines.MOST_BEATS] if told else own


def _units(text: str, longest: int) -> list[str]:
    """Paragraphs; one that is longer than a passage in sentences. A paragraph's last unit ends in
    a line's end."""
    found: list[str] = []
    for paragraph in (one.strip() for one in re.split(r"\n+", text) if one.strip()):
        if len(paragraph.split()) <= longest // 2:
            found.append(paragraph + "\n")
        else:
            found += clauses.sentences(paragraph)
            found[-1] += "\n"
    return found


def _joined(units: Sequence[str]) -> str:
    text = "".join(one.replace("\n", "\n\n") if one.endswith("\n") else one + " " for one in units)
    return text.strip()
