"""Stories as turns: premise, plan, passage; and the windows that are learned from them."""

from __future__ import annotations

import multiprocessing
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import msgspec
import numpy as np
from tokenizers import Tokenizer

from recipes.ember import measures
from recipes.ember.sources import Text
from recipes.ember.tokens import EOS, EOS_ID, PlainText
from talecraft.corpus import outlines, passages
from talecraft.corpus.rendering import Span, render
from talecraft.corpus.tales import Passage, Tale
from talecraft.story.context import PromptStyle

STYLE = PromptStyle()
THE_END = STYLE.last_beat
LEAST_BEATS = 2
SHOWN_TOKENS = 3e6
OPENING = 10  # words in which two openings are the same
OPENING_CHARACTERS = 200  # that hold so many
MOST_WINDOWS = 10  # that one text counts as: a novel's chapter must not crowd out the tales


def tales(texts: Iterable[Text], seed: int = 0) -> Iterator[Tale]:
    """One for each text, on all cores; its premise is the source's own where it has one."""
    with multiprocessing.Pool() as pool:
        yield from pool.imap(partial(_tale, seed=seed), enumerate(texts), chunksize=50)


def _tale(numbered: tuple[int, Text], seed: int) -> Tale:
    at, one = numbered
    rng = random.Random(f"{seed} {at}")
    if one.summary:
        return passages.summarised(one.body, one.summary, rng, one.source)
    if one.sections:
        return _sectioned(one, rng)
    return passages.tale(one.body, _premise(one, rng), rng, one.source)


def save(found: Iterable[Tale], path: Path) -> int:
    count = 0
    with path.open("wb") as file:
        for one in found:
            file.write(msgspec.json.encode(one) + b"\n")
            count += 1
    return count


def load(path: Path) -> list[Tale]:
    return [msgspec.json.decode(line, type=Tale) for line in path.read_bytes().splitlines()]


def _sectioned(one: Text, rng: random.Random) -> Tale:
    """No passage goes over the end of a section: there one step of the tale is done."""
    parts = [prose for section in one.sections for prose in passages.cut(section, rng)]
    found = tuple(Passage(outlines.beats(prose), prose) for prose in parts)
    return Tale(one.title or passages.premise_of(one.body, rng), found, one.source)


def _premise(one: Text, rng: random.Random) -> str:
    """Of a text with a title, the title in two of five; a writer's premise says more than that."""
    if one.premise and len(one.premise.split()) <= 60:
        return one.premise
    titled = 1 < len(one.title.split()) < 9 and one.source not in {"clic", "lcats"}
    titled = titled and rng.random() < 0.4
    return one.title if titled else ""


class Turns:
    """An endless stream of windows packed with tales, one in ten with plain stories instead.

    One of a few examples stands before a tale with the chance `one_shot` at first, which falls to
    nothing over `SHOWN_TOKENS`; examples are read, not learned. Tales that open with the same words
    are together drawn as often as one: dozens of them teach no more than to say it by heart.
    """

    def __init__(
        self,
        every: Sequence[Tale],
        plain: PlainText,
        tokenizer: Tokenizer,
        mix: Mapping[str, float],
        seed: int,
        one_shot: float,
    ) -> None:
        self._every, self._plain, self._tokenizer = every, plain, tokenizer
        self._seed, self._one_shot = seed, one_shot
        alike = Counter(_opening(one) for one in every)
        self._weights = list(accumulate(_weight(one, mix) / alike[_opening(one)] for one in every))
        short = [
            t for t in every if 2 <= len(t.passages) <= 3 and all(p.outline for p in t.passages)
        ]
        self._examples = random.Random(seed).sample(short, min(8, len(short)))

    def batch(self, at: int, rows: int, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (rows, window + 1) and which of them are learned; drawn by the place in the stream
        alone, so that a resumed run sees what it would have seen."""
        ids = np.full((rows, window + 1), EOS_ID, dtype=np.int64)
        learned = np.zeros((rows, window + 1), dtype=bool)
        shown = self._one_shot * max(0.0, 1 - at / SHOWN_TOKENS)
        for row in range(rows):
            place = at + row * window
            rng = random.Random(f"{self._seed} {place}")
            if rng.random() < 0.1:
                ids[row], learned[row] = self._plain.batch(place, 1, window)
                continue
            used = 0
            while used < window + 1:
                found, own = self._document(rng, shown, window)
                size = min(len(found), window + 1 - used)
                ids[row, used : used + size] = found[:size]
                learned[row, used : used + size] = own[:size]
                used += size
        return ids, learned

    def _document(
        self, rng: random.Random, shown: float, window: int
    ) -> tuple[np.ndarray, np.ndarray]:
        tale = rng.choices(self._every, cum_weights=self._weights)[0]
        example = rng.choice(self._examples) if self._examples and rng.random() < shown else None
        spans = document(tale, rng, window, example)
        ids, learned = list[int](), list[bool]()
        for span in spans:
            found = self._tokenizer.encode(span.text, add_special_tokens=False).ids
            ids += found
            learned += [span.learned] * len(found)
        return np.array(ids), np.array(learned)


def _opening(tale: Tale) -> tuple[str, ...]:
    prose = tale.passages[0].prose if tale.passages else ""
    return tuple(measures.words(prose[:OPENING_CHARACTERS])[:OPENING])


def _weight(tale: Tale, mix: Mapping[str, float]) -> float:
    """Long tales are begun at different places: each is drawn as often as it has windows."""
    return mix[tale.source] * min(MOST_WINDOWS, max(1.0, len(tale.passages) / 4))


def document(tale: Tale, rng: random.Random, window: int, example: Tale | None) -> list[Span]:
    """`tale` as one of the shapes in which the program shows a story: from its beginning or from
    the middle of it, with the plans of earlier passages or without, with passages of a writer's
    own; all but the premise is learned."""
    every = list(tale.passages)
    fits = max(2, int(window / 1.6 / (passages.LONGEST * 0.8)))  # about 1.6 tokens a word
    begins = rng.randrange(len(every) - fits + 1) if len(every) > fits and rng.random() < 0.5 else 0
    stops = begins + 2 * fits  # more is beyond any window
    ends, every = stops >= len(every), every[begins:stops]
    bare = rng.random() < 0.25  # earlier plans are not shown
    found = list[Passage]()
    for at, one in enumerate(every):
        outline = one.outline if len(one.outline) >= LEAST_BEATS else ()
        if ends and at == len(every) - 1 and outline and rng.random() < 0.6:
            outline = (*outline[: outlines.MOST_BEATS - 1], THE_END)
        own = _own(one.prose) if outline and rng.random() < 0.12 else None
        if own:  # the writer began this passage, the model goes on
            found.append(Passage((), own[0]))
            rest = outlines.beats(own[1])
            outline = (rest + outline[-1:] if THE_END in outline else rest) if rest else outline
            found.append(Passage(outline, own[1]))
        elif outline and rng.random() < 0.08:
            found.append(Passage((), one.prose))
        else:
            found.append(Passage(outline, one.prose))
    if bare and len(found) > 2:
        keep = rng.randrange(1, len(found))
        found = [Passage((), p.prose) if at < keep else p for at, p in enumerate(found)]
    spans = render(msgspec.structs.replace(tale, passages=tuple(found)), STYLE, None, 0, EOS, ends)
    if ends and not found[-1].outline:
        spans.append(Span(EOS, True))
    before = [Span(one.text, False) for one in render(example, STYLE, end=EOS)] if example else []
    return [*before, spans[0], *(Span(one.text, True) for one in spans[1:])]


def _own(prose: str) -> tuple[str, str] | None:
    """A passage's first paragraph, and the rest, where both say something."""
    first, _, rest = prose.partition("\n\n")
    sizes = len(first.split()), len(rest.split())
    return (first, rest) if sizes[0] >= 8 and sizes[1] >= 25 else None


def turn_count(tales: Sequence[Tale]) -> tuple[int, int]:
    """How many passages, and how many of them have a plan."""
    every = [one for tale in tales for one in tale.passages]
    return len(every), sum(len(one.outline) >= LEAST_BEATS for one in every)


def is_formed(outline: str, prose: str) -> bool:
    """Exactly one well-formed turn: two to four beats a line each, and prose without a tag."""
    lines = outline.strip().splitlines()
    beats = [line for line in lines if re.match(r"- \S", line)]
    tag = re.search(r"</?(?:think|story|prompt|eos|pad)>", outline + prose)
    return (
        2 <= len(lines) <= outlines.MOST_BEATS
        and beats == lines
        and bool(prose.strip())
        and not tag
    )
