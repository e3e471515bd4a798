"""`python -m talecraft.learning.run FOLDER`: one training run, from feedback to verdict.

Reads settings.json and episodes.jsonl, writes events.jsonl and, when something was learned,
candidate/. Never touches the library: whichever parent comes next settles the outcome.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch

from talecraft.config.assets import Kind, reference
from talecraft.engine import loading
from talecraft.errors import TalecraftError
from talecraft.learning import checkpoint, episodes, lessons, methods, rollouts, worth
from talecraft.learning.checks import most_kl
from talecraft.learning.child import begin
from talecraft.learning.critic import Appraiser, usual_length
from talecraft.learning.evaluate import Judge, Opinions, Verdict, evaluate, root_kl
from talecraft.learning.events import Cancelled, Events
from talecraft.learning.example import Examples
from talecraft.learning.learner import Bench, Learner, practice_sampling
from talecraft.learning.lessons import Learned, Lessons
from talecraft.learning.methods import TooLittle
from talecraft.learning.policy import Policy
from talecraft.learning.prompts import Prompts
from talecraft.learning.vocabulary import NO_WORDS
from talecraft.process import run_client, run_events
from talecraft.process.run_events import Outcome, RunSettings
from talecraft.story.methods import OFFLINE

if TYPE_CHECKING:
    from talecraft.learning.pattern_run import PatternRun

NICE = 10
OPPONENT = "opponent"
FEWEST_OWN_TOKENS = 500  # of fewer the perplexity says nothing


class Run:
    """The whole run; `execute` reads top to bottom."""

    def __init__(self, folder: Path, settings: RunSettings, events: Events) -> None:
        self._folder = folder
        self._settings = settings
        self._events = events
        self._ppo = settings.ppo
        # Read now: the file may be another by the end, if Talecraft is updated meanwhile.
        file = Path(settings.reference_file)
        self._texts = {kind: reference(kind, file) for kind in get_args(Kind)}
        torch.manual_seed(settings.seed)

    def execute(self) -> Outcome:
        """Raises TalecraftError where model or adapter cannot be used, Cancelled when asked to."""
        self._load()
        offline = self._settings.method in OFFLINE
        known = self._learn_taste() if self._ppo.by_taste or offline else None
        if known is not None and not known.passed:
            return Outcome("refused", f"{known.refusal()} Nothing was changed.")
        learned = lessons.split(known, self._ppo, self._settings.seed) if known else None
        try:
            learner = self._prepare(known, learned)
        except TooLittle as missing:
            return Outcome("refused", f"{missing} Nothing was changed.")
        examples = self._examples()
        self._events.phase("Practising what you like" if known else "Practising what is rewarded")
        for step in learner.run():
            self._events.send(learner.drawn)
            self._events.send(step)
            tensors, facts = learner.state()
            facts["seconds"] = self._events.elapsed
            checkpoint.save(self._folder, tensors, facts)
            if self._events.example_wanted():
                self._events.send(examples.write(step.step))
        learner.close()
        self._events.phase("Comparing before and after on prompts it has not practised")
        judge = self._judge(known, learned)
        kl = root_kl(self._policy, self._codec, judge, self._events.alive)
        # On prompts it has not practised it may be further from the root than it seemed.
        while kl > most_kl(self._ppo) and learner.step_back():
            kl = root_kl(self._policy, self._codec, judge, self._events.alive)
        verdict = evaluate(self._policy, self._codec, judge, kl, self._opponent, self._events.alive)
        return self._conclude(verdict, learner)

    # ------------------------------------------------------------------ before training
    def _load(self) -> None:
        self._events.phase(f"Loading {self._settings.model.id}")
        model = self._settings.model
        opened = loading.open_model(model)
        self._codec, self._pad = opened.codec, opened.pad
        self._found = episodes.read(self._folder, self._codec, self._ppo.prose_tokens)
        self._outlines: Lessons | None = None
        self._prompts = Prompts(
            self._codec, self._ppo, self._found.prompts, self._texts["prompt"],
            self._texts["gate"], self._settings.seed,
        )  # fmt: skip
        root, parent = self._settings.root, self._settings.parent
        self._policy = Policy.for_run(
            opened.base,
            self._settings,
            loading.trusted(root, model) if root is not None else None,
        )
        if parent is not None and self._opponent is not None:
            self._policy.load(loading.trusted(parent, model), OPPONENT)

    def _learn_taste(self) -> Lessons:
        found = self._found
        self._events.phase(f"Reading {len(found.passages)} passages you have an opinion of")
        with self._policy.reference():
            known = lessons.prose(
                self._policy.model, self._codec, self._pad, found, self._ppo, self._settings.seed
            )
            self._outlines = lessons.outlines(
                self._policy.model, self._codec, self._pad, found, self._ppo, self._settings.seed
            )
        self._events.send(known.event())
        if self._outlines is not None and self._outlines.passed:
            self._events.send(self._outlines.event("outlines"))
        return known

    # ------------------------------------------------------------------ training
    def _prepare(self, known: Lessons | None, learned: Learned | None) -> Learner:
        """Freeze the reward's scales on samples of the root, and lay out what to practise on."""
        prompts = self._prompts.practised(known.passages if known else ())
        random = np.random.default_rng([self._settings.seed, 5])
        chosen = np.resize(random.permutation(len(prompts)), self._ppo.reference_samples)
        batches = -(-len(chosen) // rollouts.at_a_time(self._policy.model.config))
        each = self._ppo.outline_tokens + self._ppo.prose_tokens
        alive = self._events.phase_of("Seeing how the model writes now", batches * each)
        with self._policy.merged(None) as model:
            sampled = rollouts.sample(
                model,
                self._codec,
                [prompts[i] for i in chosen],
                practice_sampling(self._ppo),
                [(self._settings.seed, 0, i) for i in range(len(chosen))],
                self._pad,
                alive=alive,
            )
        ground = worth.ground(
            self._policy, self._codec, sampled, self._texts["passage"], self._folder,
            self._pad, self._settings, known, learned,
        )  # fmt: skip
        self._reward = worth.reward(
            self._policy, self._pad, self._ppo.rewards, sampled, ground, known, learned,
            self._outlines,
        )  # fmt: skip
        appraise = Appraiser(
            self._policy,
            self._codec,
            self._reward,
            usual_length(sampled),
            self._ppo,
            known.scored.vocabulary if known else NO_WORDS,
        )
        bench = Bench(
            self._policy, self._codec, appraise, prompts, self._ppo, self._pad,
            self._settings.seed, self._events.alive, self._events.clock,
        )  # fmt: skip
        learner = methods.learner(self._settings, bench, self._folder, known, learned)
        if (saved := checkpoint.load(self._folder)) is not None:
            learner.restore(*saved)
            self._events.elapsed = saved[1]["seconds"]
        else:
            learner.begin(sampled)
        return learner

    @property
    def _opponent(self) -> str | None:
        """The adapter that writes now; None where the root does."""
        parent, root = self._settings.parent, self._settings.root
        if parent is None or (root is not None and parent.id == root.id):
            return None
        return OPPONENT

    def _examples(self) -> Examples:
        prompts, texts = self._prompts.for_examples()
        return Examples(
            self._policy,
            self._codec,
            prompts,
            texts,
            self._settings.sampling,
            self._opponent,
            self._pad,
            self._settings.seed,
            self._events.alive,
        )

    # ------------------------------------------------------------------ after
    def _judge(self, known: Lessons | None, learned: Learned | None) -> Judge:
        return Judge(
            opinions=self._opinions(known, learned) if known and learned else None,
            reward=self._reward,
            loved=[one.prose for one in self._found.passages if one.loved],
            prompts=self._prompts.unpractised(self._found.passages),
            neutral=[self._codec.encode(t) for t in self._texts["passage"]],
            own=self._own_prose(),
            sampling=self._settings.sampling,
            settings=self._ppo,
            pad=self._pad,
            seed=self._settings.seed,
        )

    def _opinions(self, known: Lessons, learned: Learned) -> Opinions:
        return Opinions(
            taste=learned.held_out,
            held=episodes.prose(
                [one for one, held in zip(known.passages, learned.held, strict=True) if held],
                self._ppo.prompt_tokens,
                self._codec,
            ),
            said=known.scored.rows(np.flatnonzero(learned.held)),
            wants_length=learned.wants_length,
        )

    def _own_prose(self) -> list[list[int]]:
        """The writer's own prose in ids, in pieces as long as what is practised; empty where there
        is too little for its perplexity to say anything."""
        room = self._ppo.prompt_tokens + self._ppo.prose_tokens
        texts = [self._codec.encode(text) for text in self._found.own]
        pieces = [ids[:room] for ids in texts if len(ids) > 1]
        return pieces if sum(map(len, pieces)) >= FEWEST_OWN_TOKENS else []

    def _conclude(self, verdict: Verdict, learner: Learner) -> Outcome:
        candidate = self._folder / run_client.CANDIDATE
        files = self._policy.save(candidate, self._settings.model.key)
        words = _closing_words(verdict.failed, learner.stopped, learner.updates, self._ppo.updates)
        return verdict.outcome(words, files, learner.updates)


def _closing_words(failed: list[str], stopped: str, updates: int, planned: int) -> str:
    """How it ended, in a sentence or two. To have been stopped is no failure where it learned:
    a strong taste is soon learned."""
    if failed:
        words = "What wrote before goes on writing. " + " ".join(failed)
        return f"{words} Training ended early: {stopped}" if stopped else words
    words = "It learned, and is in use from the next passage on."
    return f"{words} {updates} of {planned} updates were enough. {stopped}" if stopped else words


def _program(settings: RunSettings) -> Callable[[Path, RunSettings, Events], Run | PatternRun]:
    """What carries out an order of this method; a run of PPO never imports the other's trainer."""
    if settings.method == "pattern":
        from talecraft.learning.pattern_run import PatternRun

        return PatternRun
    return Run


def main() -> int:
    begin(NICE)
    folder = Path(sys.argv[1])
    events = Events(folder)
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    try:
        outcome = _program(settings)(folder, settings, events).execute()
    except Cancelled:
        outcome = Outcome("cancelled", "It was stopped as you asked. Nothing was changed.")
    except TalecraftError as error:
        outcome = Outcome("failed", str(error))
    except (MemoryError, torch.OutOfMemoryError):
        outcome = Outcome("failed", "Memory ran out. Close other programs and train again.")
    except Exception as error:
        # The log keeps the traceback; whoever watches must not wait for ever.
        logging.getLogger(__name__).exception("training run")
        outcome = Outcome("failed", f"The run failed ({type(error).__name__}: {error}).")
    events.finish(outcome)
    return 0 if outcome.state in ("adopted", "rejected", "refused", "cancelled") else 1


if __name__ == "__main__":
    sys.exit(main())
