"""A whole run that learns the pattern: from tales to a judged root adapter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from talecraft.config.assets import reference
from talecraft.engine import loading
from talecraft.learning import material, pattern_gate
from talecraft.learning.evaluate import Verdict
from talecraft.learning.events import Events
from talecraft.learning.material import Lessons, Material
from talecraft.learning.pattern import Course, train
from talecraft.learning.pattern_gate import Judge
from talecraft.learning.policy import Policy
from talecraft.learning.scribe import Scribe
from talecraft.process import run_client
from talecraft.process.run_events import (
    FEWEST_HELD,
    FEWEST_TALES,
    TOO_ALIKE,
    Check,
    Outcome,
    RunSettings,
)

OPPONENT = "opponent"
MEASURED_TALES = 16


class PatternRun:
    """The whole run; `execute` reads top to bottom."""

    def __init__(self, folder: Path, settings: RunSettings, events: Events) -> None:
        self._folder = folder
        self._settings = settings
        self._pattern = settings.pattern
        self._events = events
        # Read now: the file may be another by the end, if Talecraft is updated meanwhile.
        file = Path(settings.reference_file)
        self._neutral, self._more = reference("passage", file), reference("gate", file)
        torch.manual_seed(settings.seed)

    def execute(self) -> Outcome:
        """Raises TalecraftError where model, adapter or tales cannot be used, Cancelled when asked
        to."""
        self._events.phase("Reading the tales")
        tales = material.gather(
            self._folder, self._settings.data, self._pattern.most_tales, self._events.alive
        )
        if len(tales) < FEWEST_TALES:
            return Outcome("refused", too_few(len(tales)))
        self._load()
        found = material.prepare(tales, self._scribe, self._pattern, self._settings.seed)
        if len(found.held) < FEWEST_HELD:
            return Outcome("refused", TOO_ALIKE)
        self._events.send(found.summary(self._scribe))
        steps = self._learn(found)
        self._events.phase("Comparing before and after on tales it has not seen")
        verdict = pattern_gate.judge(self._policy, self._scribe, self._judge(found))
        return self._conclude(verdict, steps)

    def _load(self) -> None:
        model, parent = self._settings.model, self._settings.parent
        self._events.phase(f"Loading {model.id}")
        opened = loading.open_model(model)
        codec, self._pad = opened.codec, opened.pad
        self._tokenizer = loading.load_tokenizer(model)
        self._scribe = Scribe.of(codec, self._tokenizer, self._pattern.max_tokens)
        torch.manual_seed(self._settings.seed)  # whatever loading has drawn
        self._policy = Policy.for_run(opened.base, self._settings)
        if parent is not None:
            self._policy.load(loading.trusted(parent, model), OPPONENT)

    # ------------------------------------------------------------------ training
    def _learn(self, found: Material) -> int:
        """Train to the last step, from the last checkpoint where there is one; returns how many
        steps the whole run has."""
        lessons = Lessons(found, self._scribe, self._pattern, self._settings.seed)
        course = Course(self._policy, lessons, self._settings, self._events, self._folder)
        course.resume()
        self._events.phase("Learning the pattern")
        held = [
            self._scribe.encode(next(self._scribe.pieces(tale)))
            for tale in found.held[:MEASURED_TALES]
        ]
        course.measure = lambda: pattern_gate.mean_loss(self._policy, held)
        if course.done < lessons.steps:
            train(self._policy, self._tokenizer, self._pad, course, self._folder)
        return lessons.steps

    # ------------------------------------------------------------------ after
    def _judge(self, found: Material) -> Judge:
        return Judge(
            held=found.held,
            passages=[one for tale in found.train for one in tale.passages],
            neutral=[self._scribe.codec.encode(text) for text in self._neutral],
            more=self._more,
            opponent=OPPONENT if self._settings.parent is not None else None,
            sampling=self._settings.sampling,
            settings=self._pattern,
            window=self._settings.model.context_length,
            pad=self._pad,
            seed=self._settings.seed,
            alive=self._events.alive,
        )

    def _conclude(self, verdict: Verdict, steps: int) -> Outcome:
        files = self._policy.save(self._folder / run_client.CANDIDATE, self._settings.model.key)
        if verdict.failed:
            against = " ".join([*verdict.failed, *advice(verdict.checks)])
            words = f"What wrote before goes on writing. {against}"
        else:
            words = "It learned the pattern, and is in use from the next passage on."
            if self._settings.parent is not None:
                words += " The next training run teaches it your taste anew, from all your scores."
        return verdict.outcome(words, files, steps)


def too_few(tales: int) -> str:
    """Why so few tales teach nothing that could be proved."""
    return (
        f"There are {tales} tales; at least {FEWEST_TALES} are needed, because some are held back"
        " to see whether the pattern was learned. Nothing was changed."
    )


def advice(checks: Sequence[Check]) -> list[str]:
    """What would help most where these checks of the gate failed; nothing where none did."""
    failed = {one.name for one in checks if not one.passed}
    for name, words in _ADVICE.items():
        if name in failed:
            return [words]
    return []


# Sooner causes first: who overfits also loses its form.
_ADVICE = {
    "held-out loss": "More tales would help, or tales of one kind.",
    "perplexity": "It learned these tales by heart: give it more of them, or go through them fewer"
    " times.",
    "turns": "It has not seen the form often enough: give it more tales, or go through them more"
    " times.",
    "length": "Give it more tales whose passages are as long as you want them.",
}
