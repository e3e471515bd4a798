"""A whole run that learns an author's manner: SFT on their chunks, then GRPO towards their style.

Two stages of one run, because they are one decision: what SFT alone has learned is what GRPO is
held to and measured against, and nothing is adopted between them. Where the first stage ends stands
in the run's folder as a frozen adapter; a run that was killed goes on in the stage it was in.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from talecraft.config.assets import reference
from talecraft.corpus import manners
from talecraft.corpus.tales import Passage, Tale
from talecraft.engine import loading
from talecraft.errors import EngineError
from talecraft.learning import checkpoint, manner, pattern_gate, rollouts, style, style_gate, worth
from talecraft.learning.critic import Appraiser, usual_length
from talecraft.learning.events import Events
from talecraft.learning.grpo import Grpo
from talecraft.learning.learner import Bench, practice_sampling
from talecraft.learning.material import Lessons, Material
from talecraft.learning.pattern import Course, train
from talecraft.learning.policy import Policy
from talecraft.learning.prompts import Prompts
from talecraft.learning.rewards.total import Reward
from talecraft.learning.rollouts import Rollout
from talecraft.learning.scribe import Piece, Scribe
from talecraft.learning.style_gate import BEFORE, BEGAN, Judge
from talecraft.paths import flush_folder
from talecraft.process import run_client
from talecraft.process.run_events import Outcome, RunSettings

SFT = "sft"  # the folder of the adapter that the first stage ends at
MEASURED = 16  # held chunks whose loss is looked at on the way
FEWEST, FEWEST_HELD = 20, 8  # chunks


class StyleRun:
    """The whole run; `execute` reads top to bottom."""

    def __init__(self, folder: Path, settings: RunSettings, events: Events) -> None:
        self._folder = folder
        self._settings = settings
        self._events = events
        # Read now: the file may be another by the end, if Talecraft is updated meanwhile.
        file = Path(settings.reference_file)
        self._neutral, self._human = reference("passage", file), reference("passage", file)
        self._prompts, self._more = reference("prompt", file), reference("gate", file)

    def execute(self) -> Outcome:
        """Raises TalecraftError where model, adapter or style cannot be used, Cancelled when asked
        to."""
        self._events.phase("Reading the author's chunks")
        self._manner = manners.read(self._folder / run_client.MANNER)
        if (few := too_few(len(self._manner.train), len(self._manner.held))) is not None:
            return Outcome("refused", f"{few} Nothing was changed.")
        style.facts(self._folder / run_client.STYLE, self._settings.model.key)
        steps = self._imitate()
        learner = self._practise()
        self._events.phase("Comparing before and after on chunks it has not seen")
        verdict, told = style_gate.judge(self._policy, self._scribe, self._judge())
        self._events.send(told)
        files = self._policy.save(self._folder / run_client.CANDIDATE, self._settings.model.key)
        words = style_gate.closing(verdict, self._settings.style.author, learner.stopped)
        return verdict.outcome(words, files, steps + learner.updates)

    def _load(self) -> None:
        """A fresh copy of the model: an adapter's layers are laid into it for good."""
        model = self._settings.model
        self._events.phase(f"Loading {model.id}")
        self._opened = loading.open_model(model)
        self._codec, self._pad = self._opened.codec, self._opened.pad
        self._tokenizer = loading.load_tokenizer(model)
        self._scribe = Scribe.of(self._codec, self._tokenizer, self._settings.pattern.max_tokens)
        torch.manual_seed(self._settings.seed)  # whatever loading has drawn

    # ------------------------------------------------------------------ the first stage
    def _imitate(self) -> int:
        """SFT on the author's chunks, up to its adapter in the run's folder; how many steps."""
        self._load()
        pieces = [Piece(self._scribe.untagged(tale), 0, ends=False) for tale in self._manner.tales]
        settings = self._settings
        lessons = Lessons(
            Material([one.tale for one in pieces], [], pieces, []), self._scribe,
            settings.pattern, settings.seed,
        )  # fmt: skip
        if (self._folder / SFT).exists():
            return lessons.steps
        root = settings.root
        policy = Policy.for_run(
            self._opened.base, settings,
            loading.trusted(root, settings.model) if root is not None else None,
        )  # fmt: skip
        course = Course(policy, lessons, settings, self._events, self._folder)
        course.resume()
        self._events.phase(f"Learning from {len(self._manner.train)} chunks")
        held = [self._scribe.encode(self._lesson(one)) for one in self._manner.held[:MEASURED]]
        course.measure = lambda: pattern_gate.mean_loss(policy, held)
        if course.done < lessons.steps:
            train(policy, self._tokenizer, self._pad, course, self._folder)
        half = self._folder / f".{SFT}.tmp"
        shutil.rmtree(half, ignore_errors=True)
        policy.save(half, settings.model.key)
        os.rename(half, self._folder / SFT)
        flush_folder(self._folder)
        self._load()
        return lessons.steps

    def _lesson(self, one: manners.Specimen) -> Piece:
        tale = Tale(one.premise, (Passage(one.beats, one.text),))
        return Piece(self._scribe.untagged(tale), 0, ends=False)

    # ------------------------------------------------------------------ the second stage
    def _practise(self) -> Grpo:
        """GRPO, from where SFT ended and held to it."""
        settings, ppo = self._settings, self._settings.ppo
        self._policy = Policy.for_run(self._opened.base, settings, self._folder / SFT)
        for ref, name in ((settings.parent, BEFORE), (settings.root, BEGAN)):
            if ref is not None:
                self._policy.load(loading.trusted(ref, settings.model), name)
        prompts = self._practised()
        sampled = self._sampled(prompts)
        ground = worth.ground(
            self._policy, self._codec, sampled, self._human, self._folder, self._pad, settings
        )
        if ground.manner is None:
            raise EngineError(
                "The run has no style to be rewarded by.",
                "Start it again: `talecraft style learn`.",
            )
        self._reward: Reward = worth.reward(self._policy, self._pad, ppo.rewards, sampled, ground)
        appraise = Appraiser(self._policy, self._codec, self._reward, usual_length(sampled), ppo)
        bench = Bench(
            self._policy, self._codec, appraise, prompts, ppo, self._pad, settings.seed,
            self._events.alive, self._events.clock,
        )  # fmt: skip
        learner = Grpo(bench, "dr_grpo", settings.grpo, self._tokenizer, self._folder)
        saved = checkpoint.load(self._folder)
        if saved is not None and "updates" in saved[1]:  # else it is the first stage's
            learner.restore(*saved)
            self._events.elapsed = saved[1]["seconds"]
        else:
            learner.begin(sampled)
        self._events.phase("Practising the author's manner")
        for step in learner.run():
            self._events.send(learner.drawn)
            self._events.send(step)
            tensors, facts = learner.state()
            checkpoint.save(self._folder, tensors, facts | {"seconds": self._events.elapsed})
        learner.close()
        return learner

    def _practised(self) -> list[list[int]]:
        """As many premises of the author's chunks that are learned from as shipped ones."""
        random = np.random.default_rng([self._settings.seed, 31])
        own = list(dict.fromkeys(one.premise for one in self._manner.train))
        count = min(len(own), len(self._prompts))
        chosen = [own[at] for at in random.permutation(len(own))[:count]]
        found = Prompts(
            self._codec, self._settings.ppo, (), [*chosen, *self._prompts], self._more,
            self._settings.seed,
        )  # fmt: skip
        return found.practised(())

    def _sampled(self, prompts: Sequence[Sequence[int]]) -> list[Rollout]:
        """What it writes after SFT: the scales of the reward are frozen on these."""
        ppo, seed = self._settings.ppo, self._settings.seed
        random = np.random.default_rng([seed, 5])
        chosen = np.resize(random.permutation(len(prompts)), ppo.reference_samples)
        batches = -(-len(chosen) // rollouts.at_a_time(self._policy.model.config))
        alive = self._events.phase_of(
            "Seeing how the model writes now", batches * (ppo.outline_tokens + ppo.prose_tokens)
        )
        with self._policy.merged(None) as model:
            return rollouts.sample(
                model, self._codec, [prompts[int(at)] for at in chosen], practice_sampling(ppo),
                [(seed, 0, at) for at in range(len(chosen))], self._pad, alive=alive,
            )  # fmt: skip

    # ------------------------------------------------------------------ after
    def _judge(self) -> Judge:
        settings = self._settings
        found = manner.vectors_of(self._policy, self._codec, self._pad, self._folder, settings)
        return Judge(
            manner=self._manner,
            near=manner.near(found, self._manner.held, self._manner.others, settings),
            reward=self._reward,
            neutral=[self._codec.encode(text) for text in self._neutral],
            more=self._more,
            apart=settings.parent is not None,
            rooted=settings.root is not None,
            sampling=settings.sampling,
            settings=settings.style,
            window=settings.model.context_length,
            pad=self._pad,
            seed=settings.seed,
            alive=self._events.alive,
        )


def too_few(train: int, held: int) -> str | None:
    """Why so few chunks teach nothing that could be proved; None where there are enough."""
    if train < FEWEST:
        return f"There are {train} chunks to learn from; at least {FEWEST} are needed."
    if held < FEWEST_HELD:
        return (
            f"{held} chunks could be held back to judge by; at least {FEWEST_HELD} are needed, of"
            " another book or chapter."
        )
    return None
