"""Simulated writers at work in the program: their stories, their scores, what they think of it.

What a writer wrote with the untouched model depends on the seed alone, and is kept: several tastes
grade the same stories, each in a copy of the home.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.prompts import DOGS, unseen
from talecraft.config.assets import reference
from talecraft.paths import Home
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Turn
from talecraft.studio import Studio, simulated
from talecraft.studio.rounds import Verdict
from talecraft.studio.waiting import Inbox

STORIES, TURNS = 12, 10
RETRIES = 0.2  # of the turns are written once more, and both versions scored
NOISE = 0.15
PROMPTS = 96


def _home(base: Path) -> Home:
    return Home(base / "data", base / "config", base / "cache", base / "logs")


class Writer:
    """One home with its engine."""

    def __init__(self, base: Path, seed: int) -> None:
        self.inbox = Inbox()
        self.studio = Studio(self.inbox.put, _home(base))
        self.seed = seed

    def start(self, adapter: str | None = None) -> None:
        self.studio.start_engine()
        self.inbox.loaded(adapter, lambda event: None)

    def turn(self, story: int, seed: int, retry: bool = False) -> Turn:
        ask = self.studio.writing.retry if retry else self.studio.writing.continue_story
        request = ask(story, seed=seed)
        return self.inbox.written(request, lambda event: None).turn

    def write_stories(self, dogs: bool) -> None:
        """STORIES stories of TURNS passages each, some of them a second try at the one before."""
        premises = list(np.random.default_rng(self.seed).permutation(reference("prompt")))
        begun = [*DOGS, *premises][:STORIES] if dogs else premises[:STORIES]
        hand = random.Random(self.seed)
        for number, premise in enumerate(begun):
            story = self.studio.writing.new_story(str(premise)).id
            for i in range(TURNS):
                again = i > 0 and hand.random() < RETRIES
                self.turn(story, self.seed * 100_000 + number * 100 + i, again)

    def written(self) -> list[Turn]:
        """Every passage of the stories, in the order they were written."""
        stories = self.studio.library.stories
        turns = [turn for story in stories.list() for turn in stories.tree(story.id)]
        return sorted((turn for turn in turns if turn.prose), key=lambda turn: turn.id)

    def stars(self, taste: simulated.Taste) -> list[int]:
        """What this writer gives each of the passages."""
        return simulated.grade([taste(t.prose) for t in self.written()], NOISE, self.seed)

    def say(self, stars: Mapping[int, int]) -> None:
        self.studio.writing.score_many([Feedback(0, turn, "stars", s) for turn, s in stars.items()])

    def score(self, taste: simulated.Taste) -> None:
        self.say({t.id: s for t, s in zip(self.written(), self.stars(taste), strict=True)})

    def taste_round(self, taste: simulated.Taste, pairs: int) -> list[str]:
        """Judge so many pairs: the better one by a noisy hand, "=" where taste finds no
        difference; returns the verdicts.

        The hand slips on the scale of all that the writer has read so far.
        """
        a_round = self.studio.tasting.begin(None, pairs, self.seed)
        hand = random.Random(self.seed)
        read: list[float] = []
        verdicts: list[str] = []
        while not a_round.over:
            while (pair := a_round.pair) is None:
                if a_round.failure:
                    raise RuntimeError(a_round.failure)
                time.sleep(0.05)
            values = [taste(one.prose) for one in (pair.a, pair.b)]
            read += values
            slip = NOISE * (max(read) - min(read))
            felt = [value + hand.gauss(0.0, slip) for value in values]
            verdict: Verdict = "=" if values[0] == values[1] else "a" if felt[0] > felt[1] else "b"
            a_round.choose(verdict)
            verdicts.append(verdict)
        return verdicts

    def first_passages(self) -> list[str]:
        """What is now written first after each unseen prompt."""
        return [
            self.turn(self.studio.writing.new_story(premise).id, 1_000 + i).prose
            for i, premise in enumerate(unseen(PROMPTS))
        ]


@contextmanager
def at_work(kept: Path, seed: int, dogs: bool = False, stories: bool = True) -> Iterator[Writer]:
    """A writer of this seed in a home that vanishes afterwards, their stories written.

    `kept` is where stories are kept between tastes.
    """
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "home"
        if stories:
            shutil.copytree(_stories(kept, seed, dogs), base)
        writer = Writer(base, seed)
        with writer.studio:
            yield writer


def _stories(kept: Path, seed: int, dogs: bool) -> Path:
    """The home with this seed's stories, written if it is not there."""
    target = kept / f"stories-{seed}{'-dogs' if dogs else ''}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=kept) as name:
            writer = Writer(Path(name) / "home", seed)
            with writer.studio:
                writer.start()
                writer.write_stories(dogs)
            (Path(name) / "home").rename(target)
    return target
