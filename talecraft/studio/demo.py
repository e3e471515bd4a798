"""The whole loop with nobody at the keyboard: write, score, learn, and write again.

Everything is real but the writer (see simulated.py), and nothing touches the user's own library.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import Callable

import msgspec

from talecraft.config.assets import reference
from talecraft.errors import EngineError, UsageError
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home, private_folder, private_write
from talecraft.process import run_client
from talecraft.process.engine_client import COMMAND
from talecraft.process.run_events import Outcome, PpoSettings, RunEvent, Sample
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Turn
from talecraft.studio import simulated
from talecraft.studio.studio import Studio
from talecraft.studio.waiting import Inbox, follow

SAMPLES = 3
# The passages it learns from are as long as those it tries in training.
_SETTINGS = "[writing]\noutline_tokens = {0.outline_tokens}\nprose_tokens = {0.prose_tokens}\n"


class DemoSettings(msgspec.Struct, frozen=True):
    """How much is written, for whose taste, and how unsteady that writer's hand is."""

    stories: int = 12
    turns: int = 10
    taste: str = "dialogue"
    noise: float = 0.15
    seed: int = 7
    model: str | None = None
    updates: int | None = None


class DemoResult(msgspec.Struct, frozen=True):
    """`turns_by_adapter` counts, in the log, what the new adapter has written since."""

    scores: int
    run: TrainingRun
    outcome: Outcome | None
    samples: list[Sample]
    turns_by_adapter: int

    @property
    def passed(self) -> bool:
        return self.run.state == "adopted" and self.turns_by_adapter > 0


Say = Callable[[str | RunEvent], None]


def run(
    home: Home,
    settings: DemoSettings,
    say: Say,
    engine_command: tuple[str, ...] = COMMAND,
) -> DemoResult:
    """Do it all in `home`, which must hold no library yet; progress goes to `say`.

    Raises UsageError for a taste or home that cannot be used, EngineError where writing fails.
    """
    taste = simulated.taste(settings.taste)
    if home.library.exists():
        raise UsageError(f"{home.library} is there already.", "Choose an empty folder.")
    private_folder(home.config)
    private_write(home.settings_file, _SETTINGS.format(PpoSettings()).encode())
    inbox = Inbox()
    with Studio(inbox.put, home, engine_command, settings.model) as studio:
        return _Demo(studio, inbox, settings, say).run(taste)


class _Demo:
    def __init__(self, studio: Studio, inbox: Inbox, settings: DemoSettings, say: Say) -> None:
        self._studio = studio
        self._inbox = inbox
        self._settings = settings
        self._say = say
        self._seeds = itertools.count(settings.seed)

    def run(self, taste: simulated.Taste) -> DemoResult:
        self._say("Starting the engine ...")
        self._studio.start_engine()
        self._inbox.loaded(None, lambda event: None)
        turns = self._write_stories()
        scores = self._score(turns, taste)
        before = self._samples()
        ended = self._train()
        outcome = msgspec.json.decode(ended.outcome, type=Outcome) if ended.outcome else None
        if ended.state != "adopted" or ended.adapter_id is None:
            return DemoResult(scores, ended, outcome, [], 0)
        self._say("Writing with what was learned ...")
        self._studio.reload()
        self._inbox.loaded(ended.adapter_id, lambda event: None)
        samples = [
            Sample(
                self._studio.library.stories.get(turn.story_id).premise,
                turn.prose,
                self._retry(turn).prose,
            )
            for turn in before
        ]
        written = self._studio.library.stories.generated_by(ended.adapter_id)
        return DemoResult(scores, ended, outcome, samples, written)

    def _write_stories(self) -> list[Turn]:
        premises = reference("prompt")
        count, length = self._settings.stories, self._settings.turns
        if count > len(premises) - SAMPLES:
            raise UsageError(f"At most {len(premises) - SAMPLES} stories can be begun.")
        turns = []
        for number, premise in enumerate(premises[:count], 1):
            self._say(f"Writing story {number} of {count}: {premise}")
            story = self._studio.writing.new_story(premise)
            turns += [self._passage(story.id, next(self._seeds)) for _ in range(length)]
        return turns

    def _passage(self, story_id: int, seed: int) -> Turn:
        request = self._studio.writing.continue_story(story_id, seed=seed)
        return self._inbox.written(request, lambda event: None).turn

    def _retry(self, turn: Turn) -> Turn:
        """The same passage, from the same prompt and seed, by whoever writes now."""
        if turn.generation is None:
            raise EngineError(f"Turn {turn.id} has no record of how it was made.")
        seed = turn.generation.sampling.seed
        request = self._studio.writing.retry(turn.story_id, seed=seed)
        return self._inbox.written(request, lambda event: None).turn

    def _score(self, turns: list[Turn], taste: simulated.Taste) -> int:
        """The simulated writer reads everything and gives stars, in one transaction."""
        settings = self._settings
        stars = simulated.grade(
            [taste(turn.prose) for turn in turns], settings.noise, settings.seed
        )
        self._studio.writing.score_many(
            [Feedback(0, turn.id, "stars", given) for turn, given in zip(turns, stars, strict=True)]
        )
        self._say(f"Scored {len(turns)} passages as a writer with a taste for {settings.taste}.")
        return len(turns)

    def _samples(self) -> list[Turn]:
        """Openings that nobody scores, written before the training to be compared after it."""
        self._say("Keeping three openings for comparison ...")
        return [
            self._passage(self._studio.writing.new_story(premise).id, next(self._seeds))
            for premise in reference("prompt")[-SAMPLES:]
        ]

    def _train(self) -> TrainingRun:
        training, settings = self._studio.training, self._settings
        started = training.start(self._studio.model, settings.seed, settings.updates)
        self._say(f"Training run {started.id} is going.")
        try:
            for event in follow(training, started.id):
                self._say(event)
        except BaseException:
            self._end(started)
            raise
        training.settle()
        ended = self._studio.library.runs.get(started.id)
        if not ended.outcome:  # its log goes with the home: say here how it ended
            log = self._studio.home.runs / ended.id / run_client.LOG
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]:
                self._say(line)
        return ended

    def _end(self, started: TrainingRun) -> None:
        """A run of a home that is about to vanish must not outlive it."""
        if started.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(started.pid, signal.SIGKILL)
        for _ in follow(self._studio.training, started.id):
            pass
