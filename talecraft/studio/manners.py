"""Teaching a model an author's manner: what there is of the author, the plan, and the start.

The run itself is watched, stopped, resumed and settled as any other (see training.py). What it
gives is a root, as a pattern adapter is: the writer's taste is taught on top of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from talecraft.config.idf import idf_in_effect
from talecraft.config.models import ModelSpec
from talecraft.errors import UsageError
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home
from talecraft.process import run_client
from talecraft.process.corpus import MannerRead, Working
from talecraft.process.messages import ModelRef
from talecraft.process.run_events import (
    GrpoSettings,
    PatternSettings,
    PpoSettings,
    RunSettings,
    StyleSettings,
)
from talecraft.story.rewards import CLASSIFIER, MANNER_WEIGHTS, STYLE, TASTE, told
from talecraft.studio import corpus
from talecraft.studio.memory import ASLEEP, Room
from talecraft.studio.pattern import settings_for, takeover, work_minutes
from talecraft.studio.training import Training, does_not_fit

EPOCHS, UPDATES = 2, 10
FEWEST, FEWEST_HELD = 20, 8
PLAN_TOKENS = 60  # of a premise and a plan
TURN, STAGES = 330, 5  # tokens of a turn, and how often the gate's prompts are written to
RATE = 1.0  # times the rate of PPO
KL_TARGET = 6.0
Hear = Callable[[Working], None]


class MannerPlan(msgspec.Struct, frozen=True):
    """What a run would learn from, by which style and rewards, in so many steps of SFT and updates
    of GRPO. `refusal` and `replaces` are as in a PatternPlan; `manner` is what the run is given."""

    found: MannerRead
    style: str
    rewards: dict[str, float]
    epochs: int
    steps: int
    updates: int
    minutes: float
    memory_mb: float
    free_mb: float | None
    together: bool
    fits: bool
    refusal: str = ""
    replaces: str = ""
    manner: bytes = b""

    @property
    def held_words(self) -> str:
        """What is held back, in words."""
        what = "the book" if len(self.found.held_books) == 1 else "the books"
        books = ", ".join(f"“{one}”" for one in self.found.held_books)
        of = f"{what} {books}" if self.found.several else "chapters"
        return f"{self.found.held} chunks of {of} held back to judge by"


class Manners:
    """`model_ref` says where a model is on disk, `room` what a run of it needs (see Studio)."""

    def __init__(
        self,
        training: Training,
        home: Home,
        model_ref: Callable[[ModelSpec], ModelRef],
        room: Callable[[ModelSpec, PpoSettings | PatternSettings], Room],
    ) -> None:
        self._training = training
        self._home = home
        self._model_ref = model_ref
        self._room = room

    def plan(
        self,
        model: ModelSpec,
        author: str,
        texts: Sequence[Path],
        style: str,
        epochs: int | None = None,
        updates: int | None = None,
        rewards: dict[str, float] | None = None,
        most: int = corpus.MOST_CHUNKS,
        hear: Hear = lambda working: None,
    ) -> MannerPlan:
        """What a run would learn from, after some seconds of reading.

        Raises what `corpus.manner` raises, and UsageError for a style that is not there or was
        fitted for another model, or rewards without it.
        """
        rewards = rewards or MANNER_WEIGHTS
        if STYLE not in rewards:
            raise UsageError(
                "A manner is learned by the reward 'style'.", "Name it among the --rewards."
            )
        if wrong := {TASTE, CLASSIFIER} & set(rewards):
            raise UsageError(
                f"A manner is learned from texts, not by '{min(wrong)}'.",
                "Leave it out of the --rewards; `talecraft train run` knows it.",
            )
        model_ref = self._model_ref(model)
        self._training.styles.usable(style, model_ref)
        found, manner = corpus.manner(Path(model_ref.folder), author, texts, most, hear)
        epochs, updates = epochs or EPOCHS, updates or UPDATES
        sft, ppo = self._sft(model, epochs), self._ppo(model, updates, rewards)
        rooms = [self._room(model, sft), self._room(model, ppo)]
        room = max(rooms, key=lambda one: one.run)
        active = self._training.writes_now(model)
        tales = math.ceil(found.train / 2)  # of up to three chunks, as far as these go on
        return MannerPlan(
            found=found,
            style=style,
            rewards=dict(rewards),
            epochs=epochs,
            steps=math.ceil(tales * epochs / sft.batch),
            updates=updates,
            minutes=self._minutes(model, found, epochs, ppo),
            memory_mb=room.run,
            free_mb=room.free,
            together=room.together,
            fits=not room.refusal,
            refusal=room.refusal or _refusal(found),
            replaces=active.label if active is not None else "",
            manner=manner,
        )

    def start(self, model: ModelSpec, plan: MannerPlan, seed: int | None = None) -> TrainingRun:
        """Launch a detached run by this plan.

        Raises UsageError where there is too little of the author, DoesNotFit where there is no
        room, BusyError where a run is going.
        """
        self._training.settle()
        if not plan.fits:
            raise does_not_fit(plan.refusal)
        if plan.refusal:
            raise UsageError(plan.refusal, "Give more of the author's texts.")
        order = self._order(model, plan, seed)
        kept = self._training.styles.usable(plan.style, self._model_ref(model))
        inputs = {
            run_client.STYLE: kept.path.read_bytes(),
            run_client.MANNER: plan.manner,
            run_client.IDF: idf_in_effect(self._home)[1].read_bytes(),
        }
        return self._training.launch(order, None, inputs=inputs)

    def _order(self, model: ModelSpec, plan: MannerPlan, seed: int | None) -> RunSettings:
        training = self._training
        active = training.writes_now(model)
        order = training.order(model, training.new_id(), training.seed(seed), active, watermark=0)
        return msgspec.structs.replace(
            order,
            method="style",
            root=training.beneath(active),
            alone=not plan.together,
            pattern=self._sft(model, plan.epochs),
            ppo=self._ppo(model, plan.updates, plan.rewards),
            grpo=GrpoSettings(generations=8),
            style=StyleSettings(author=plan.found.author),
        )

    @staticmethod
    def _sft(model: ModelSpec, epochs: int) -> PatternSettings:
        """As the pattern is learned, but without examples of it: what it begins at knows it, or
        learns it with the manner."""
        return msgspec.structs.replace(
            settings_for(model, epochs, 0), one_shot=0.0, one_shots=0, held_out=0.0
        )

    def _ppo(self, model: ModelSpec, updates: int, rewards: dict[str, float]) -> PpoSettings:
        ppo = self._training.ppo(model, updates)
        return msgspec.structs.replace(
            ppo, rewards=dict(rewards), learning_rate=RATE * model.learning_rate,
            kl_target=KL_TARGET,
        )  # fmt: skip

    def _minutes(self, model: ModelSpec, found: MannerRead, epochs: int, ppo: PpoSettings) -> float:
        """From the work there is to do, as for the pattern and for a run of PPO."""
        learned = (
            found.train * epochs * (corpus.CHUNK_TOKENS + PLAN_TOKENS)
            + ppo.updates * ppo.drawn * TURN
        )
        written = ppo.updates * ppo.drawn * TURN + STAGES * StyleSettings().gate_turns * TURN
        return work_minutes(Path(self._model_ref(model).folder), learned, written)


def _refusal(found: MannerRead) -> str:
    if found.train < FEWEST:
        return (
            f"There are {found.train} chunks of {found.author} to learn from; at least {FEWEST} are"
            " needed."
        )
    if found.held < FEWEST_HELD:
        return (
            f"{found.held} chunks of {found.author} could be held back to judge by; at least"
            f" {FEWEST_HELD} are needed, of another book or chapter."
        )
    return ""


def lines(plan: MannerPlan, title: str) -> list[str]:
    """The plan in words, a line for each thing."""
    found = plan.found
    made = [
        f"Model: {title}",
        f"Author: {found.author}; {found.train} of {found.there:,} chunks to learn from,"
        f" {plan.held_words}; {found.others} other authors beside",
        f"Style: {plan.style}; rewarded: {told(plan.rewards)}",
        f"Work: {plan.epochs} times through the chunks (SFT, about {plan.steps} steps), then"
        f" {plan.updates} updates (Dr. GRPO)",
        f"Time: about {plan.minutes:.0f} minutes (estimated)",
    ]
    if found.unplanned:
        made.insert(2, f"{found.unplanned} more chunks have nothing that a plan could be made of.")
    if not plan.together:
        made.append(ASLEEP)
    if plan.replaces:
        made.append(takeover(plan.replaces, "nearer"))
    return made
