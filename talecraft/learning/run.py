"""`python -m talecraft.learning.run FOLDER`: one training run, from feedback to verdict.

Reads settings.json and episodes.jsonl, writes events.jsonl and, when something was learned,
candidate/. Never touches the library: whichever parent comes next settles the outcome.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec
import numpy as np
import torch

from talecraft.config.assets import Kind, reference
from talecraft.engine import loading
from talecraft.errors import EngineError
from talecraft.learning import checkpoint, episodes, lessons, methods, rollouts, worth
from talecraft.learning.checks import most_kl
from talecraft.learning.child import begin
from talecraft.learning.company import ALONE, Company
from talecraft.learning.critic import Appraiser, usual_length
from talecraft.learning.evaluate import Judge, Opinions, Verdict, evaluate, root_kl
from talecraft.learning.events import Events
from talecraft.learning.example import Examples
from talecraft.learning.learner import Bench, Learner, practice_sampling
from talecraft.learning.lessons import Learned, Lessons
from talecraft.learning.methods import TooLittle
from talecraft.learning.policy import Policy
from talecraft.learning.program import carry_out
from talecraft.learning.prompts import Prompts
from talecraft.learning.reward_model import Judge as RewardJudge
from talecraft.learning.reward_model import RewardModel
from talecraft.learning.rollouts import Rollout
from talecraft.learning.taste_model import Trial
from talecraft.learning.vocabulary import NO_WORDS
from talecraft.process import run_client
from talecraft.process.run_events import Outcome, RunSettings
from talecraft.story.methods import OFFLINE

if TYPE_CHECKING:
    from talecraft.learning.pattern_run import PatternRun
    from talecraft.learning.style_run import StyleRun

NICE = 10
OPPONENT = "opponent"
SHARED = ("ppo", "rloo")  # methods that several processes can carry out together
FEWEST_OWN_TOKENS = 500  # of fewer the perplexity says nothing


class Run:
    """The whole run; `execute` reads top to bottom."""

    def __init__(
        self, folder: Path, settings: RunSettings, events: Events, company: Company = ALONE
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._events = events
        self._company = company
        self._ppo = settings.ppo
        # Read now: the file may be another by the end, if Talecraft is updated meanwhile.
        file = Path(settings.reference_file)
        self._texts = {kind: reference(kind, file) for kind in get_args(Kind)}
        self._tasting: RewardJudge | None = None
        self._judging: RewardJudge | None = None
        self._trial_seconds = 0.0
        torch.manual_seed(settings.seed)

    def execute(self) -> Outcome:
        """Raises TalecraftError where model or adapter cannot be used, Cancelled when asked to, and
        as Company.meet does."""
        self._load()
        offline = self._settings.method in OFFLINE
        known, self._outlines = None, None
        if self._ppo.by_taste or offline:
            known, self._outlines = self._company.by_main(self._learn_taste)
        tried = self._try_reward_model(known)
        if known is not None and not (known.passed or tried):
            return Outcome("refused", f"{known.refusal()} Nothing was changed.")
        learned = lessons.split(known, self._ppo, self._settings.seed) if known else None
        if tried and learned:
            self._tasting = tried.of("reward", np.flatnonzero(~learned.held))
            self._judging = tried.of("judge", np.flatnonzero(learned.held))
            self._trial_seconds = tried.seconds
        try:
            learner = self._prepare(known, learned)
        except TooLittle as missing:
            return Outcome("refused", f"{missing} Nothing was changed.")
        examples = self._examples()
        self._events.phase("Practising what you like" if known else "Practising what is rewarded")
        for step in learner.run():
            self._events.send(learner.drawn)
            self._events.send(step)
            self._keep(learner)
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
        several = f" in {self._company.size} processes" if self._company.size > 1 else ""
        self._events.phase(f"Loading {self._settings.model.id}{several}")
        model = self._settings.model
        opened = loading.open_model(model)
        self._codec, self._pad = opened.codec, opened.pad
        self._found = episodes.read(self._folder, self._codec, self._ppo.prose_tokens)
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

    def _learn_taste(self) -> tuple[Lessons, Lessons | None]:
        """The taste in prose, and in outlines where they were judged apart."""
        found = self._found
        self._events.phase(f"Reading {len(found.passages)} passages you have an opinion of")
        with self._policy.reference():
            known = lessons.prose(
                self._policy.model, self._codec, self._pad, found, self._ppo, self._settings.seed
            )
            outlines = lessons.outlines(
                self._policy.model, self._codec, self._pad, found, self._ppo, self._settings.seed
            )
        self._events.send(known.event())
        if outlines is not None and outlines.passed:
            self._events.send(outlines.event("outlines"))
        return known, outlines

    def _try_reward_model(self, known: Lessons | None) -> Trial | None:
        """A reward model in the head's place; None where none is tried, or it is not surely better.

        It may be kept where the head knows too little to learn by."""
        if known is None or not known.enough:
            return None
        if self._company.size > 1:
            if self._ppo.taste_model == "adapter":
                raise EngineError(
                    "A reward model cannot be tried in several processes.",
                    "Take back training.launcher, or training.taste_model.",
                )
            return None
        if not self._ppo.tries_adapter(self._settings.method, known.scored.opinions):
            return None
        tokenizer = loading.load_tokenizer(self._settings.model)
        model = RewardModel(
            self._policy, tokenizer, self._pad, self._settings.reward_model, self._ppo,
            self._folder, self._events.alive,
        )  # fmt: skip
        passages = episodes.prose(known.passages, self._ppo.prompt_tokens, self._codec)
        found = Trial(
            model, passages, known.scored, self._settings.seed, self._folder,
            self._events.phase_of, self._events.clock,
        )  # fmt: skip
        self._events.elapsed += found.seconds  # of before it was resumed
        ended = found.contest(known.trust)
        self._events.send(ended.event(known.event()))
        self._trial_seconds = found.seconds
        if ended.kept:
            return found
        found.close()
        return None

    # ------------------------------------------------------------------ training
    def _prepare(self, known: Lessons | None, learned: Learned | None) -> Learner:
        """Freeze the reward's scales on samples of the root, and lay out what to practise on."""
        prompts = self._prompts.practised(known.passages if known else ())
        random = np.random.default_rng([self._settings.seed, 5])
        chosen = np.resize(random.permutation(len(prompts)), self._ppo.reference_samples)
        share = self._company.largest_share(len(chosen))
        batches = -(-share // rollouts.at_a_time(self._policy.model.config))
        each = self._ppo.outline_tokens + self._ppo.prose_tokens
        alive = self._events.phase_of("Seeing how the model writes now", batches * each)
        with self._policy.merged(None) as model:
            sampled = rollouts.sample_together(
                self._company,
                model,
                self._codec,
                [prompts[i] for i in chosen],
                practice_sampling(self._ppo),
                [(self._settings.seed, 0, i) for i in range(len(chosen))],
                self._pad,
                alive,
            )
        ground = worth.ground(
            self._policy, self._codec, sampled, self._texts["passage"], self._folder,
            self._pad, self._settings, known, learned,
        )  # fmt: skip
        self._reward = worth.reward(
            self._policy, self._pad, self._ppo.rewards, sampled, ground, known, learned,
            self._outlines, self._tasting,
        )  # fmt: skip
        appraise = Appraiser(
            self._policy,
            self._codec,
            self._reward,
            usual_length(sampled),
            self._ppo,
            known.scored.vocabulary if known else NO_WORDS,
            self._tasting,
        )
        bench = Bench(
            self._policy, self._codec, appraise, prompts, self._ppo, self._pad,
            self._settings.seed, self._events.alive, self._events.clock, self._company,
        )  # fmt: skip
        learner = methods.learner(self._settings, bench, self._folder, known, learned)
        self._take_up(learner, sampled)
        return learner

    def _take_up(self, learner: Learner, sampled: Sequence[Rollout]) -> None:
        """Let it go on from the newest checkpoint, or begin from what the root has written.

        Raises EngineError where the processes of the company do not see the same one.
        """
        saved = checkpoint.load(self._folder)
        if len(set(self._company.meet(saved[1]["updates"] if saved is not None else 0))) > 1:
            raise EngineError(
                "The processes of this run do not see the same checkpoint.",
                "Its folder must be one that all machines share.",
            )
        if saved is not None:
            learner.restore(*saved)
            self._events.elapsed = saved[1]["seconds"]
        else:
            learner.begin(sampled)
        self._company.even([*self._policy.lora.values(), *self._policy.value_head.parameters()])

    def _keep(self, learner: Learner) -> None:
        """Put its state in place of the last one; the main process does, for all."""
        if self._company.main:
            tensors, facts = learner.state()
            facts["seconds"] = self._events.elapsed
            checkpoint.save(self._folder, tensors, facts)

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
            company=self._company,
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
            tasting=self._judging,
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
        main = self._company.main
        files = self._policy.save(candidate, self._settings.model.key) if main else {}
        words = _closing_words(
            verdict.failed, learner.stopped, learner.updates, self._ppo.updates,
            self._settings.trial,
        )  # fmt: skip
        outcome = verdict.outcome(words, files, learner.updates)
        return msgspec.structs.replace(outcome, trial_seconds=self._trial_seconds)


def _closing_words(
    failed: list[str], stopped: str, updates: int, planned: int, trial: bool = False
) -> str:
    """How it ended, in a sentence or two. To have been stopped is no failure where it learned:
    a strong taste is soon learned."""
    if failed:
        words = "What wrote before goes on writing. " + " ".join(failed)
        return f"{words} Training ended early: {stopped}" if stopped else words
    words = "It learned, and is in use from the next passage on."
    if trial:
        words = "It learned, and would have been adopted; this was a trial."
    return (
        f"{words} Of {planned} updates the first {updates} count. {stopped}" if stopped else words
    )


def _program(
    folder: Path, settings: RunSettings, events: Events, company: Company
) -> Run | PatternRun | StyleRun:
    """What carries out an order of this method; a run of PPO never imports the other's trainer.

    Raises EngineError where it cannot be shared by several processes.
    """
    if company.size > 1 and settings.method not in SHARED:
        raise EngineError(
            f"Only {' and '.join(SHARED)} can be learned in several processes, not"
            f" {settings.method}.",
            "Take back training.launcher, or launch one process.",
        )
    if settings.method == "pattern":
        from talecraft.learning.pattern_run import PatternRun

        return PatternRun(folder, settings, events)
    if settings.method == "style":
        from talecraft.learning.style_run import StyleRun

        return StyleRun(folder, settings, events)
    return Run(folder, settings, events, company)


def main() -> int:
    begin(NICE)
    return carry_out(Path(sys.argv[1]), _program)


if __name__ == "__main__":
    sys.exit(main())
