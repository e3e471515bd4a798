"""What a run might have told, for reports: of PPO, with what it drew, and of the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talecraft.library.runs import TrainingRun
from talecraft.process import run_events
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_events import (
    SHOWN,
    Check,
    Drawn,
    Example,
    Outcome,
    PatternStep,
    Phrase,
    PpoSettings,
    Practised,
    RunEvent,
    RunPhase,
    RunSettings,
    Sample,
    Step,
    TalesRead,
    TasteLearned,
)
from talecraft.story.context import PromptStyle
from talecraft.story.turns import Sampling

RUN = "20261120-210000-abcd"


def step(number: int, reward: float = 0.5, **other: Any) -> Step:
    given = {
        "step": number, "total": 4, "reward": reward,
        "parts": {"taste": reward + 0.25, "length": -0.25}, "kl": 2.0 * number, "kl_target": 3.0,
        "beta": 0.1, "entropy": 2.0 - 0.1 * number, "clip_fraction": 0.02, "value_loss": 0.4,
        "policy_loss": -0.01, "length": 70.0 + number, "repetition": 0.1, "seconds": 9.0,
        "eta": 0.0, "finished": 0.95,
    }  # fmt: skip
    return Step(**(given | other))


def turn(total: float, prose: str = "The fox ran.", **other: Any) -> Practised:
    given = {
        "prompt": "Of a fox", "outline": "- It runs", "prose": prose, "total": total,
        "parts": {"taste": total + 0.25, "length": -0.25}, "kl": 1.25, "kept": True,
    }  # fmt: skip
    return Practised(**(given | other))


def pattern_step(number: int, **other: Any) -> PatternStep:
    given = {
        "step": number, "total": 100, "loss": 4.0 - 0.01 * number, "held_out": 4.1,
        "rate": 1e-3, "one_shot": 0.5, "seconds": 0.5, "eta": 0.0,
    }  # fmt: skip
    return PatternStep(**(given | other))


def taste(words: str = "You like dialogue.") -> TasteLearned:
    return TasteLearned(84, 12, 400, 0.71, 0.64, 0.78, True, words)


def outcome(state: str = "adopted", **other: Any) -> Outcome:
    given = {
        "state": state, "words": "It learned.",
        "checks": [
            Check("win", 0.8, "at least 0.55", state == "adopted", "It wins often.", 0.7, 0.9),
            Check("uptake", 0.4, SHOWN, True, "Plans are taken up."),
        ],
        "samples": [Sample("A gate.", "It is shut.", "It stands open.")],
        "phrases": [
            Phrase("she asked", 2, 19, 8_200, 7_900),
            Phrase("there was", 31, 12, 8_200, 7_900),
        ],
        "adapter_id": "feedfacecafe0123", "files": {"adapter_model.safetensors": "ab" * 32},
        "steps": 2, "seconds": 150.0,
    }  # fmt: skip
    return Outcome(**(given | other))


def order(method: Any = "ppo", **ppo: Any) -> RunSettings:
    model = ModelRef("llama-ember", "3", "/nowhere", "nf4", 1024, PromptStyle())
    root = AdapterRef("0123456789abcdef", "/nowhere", {}, model.key)
    return RunSettings(
        RUN, method, model, None, 8, 16, "all-linear", 7, 120, "/nowhere/reference.jsonl",
        Sampling(), PpoSettings(**ppo), root=root, data="/nowhere/tales.jsonl", version="0.1.0",
    )  # fmt: skip


def run(state: str = "adopted", method: str = "ppo", **other: Any) -> TrainingRun:
    given = {
        "id": RUN, "method": method, "model_id": "llama-ember", "parent_adapter": None,
        "watermark": 120, "settings": run_events.encode(order(method)).decode(), "seed": 7,
        "state": state, "started_at": "2026-11-20T21:00:00.000+00:00",
    }  # fmt: skip
    return TrainingRun(**(given | other))


def ppo_events(ended: Outcome | None = None) -> list[RunEvent]:
    """Two updates with two turns each, and an example."""
    events: list[RunEvent] = [
        RunPhase("Learning your taste"), taste(),
        Drawn(1, [turn(0.25), turn(0.75, kept=False)]), step(1),
        Drawn(2, [turn(1.0), turn(2.0)]), step(2, 1.5),
        Example(1, Sample("A mill.", "It turns.", "Who turns it?")),
    ]  # fmt: skip
    return [*events, *([ended] if ended is not None else [])]


def pattern_events(steps: Sequence[int] = (10, 20)) -> list[RunEvent]:
    read = TalesRead(220, 22, 1103, 139_000, 210, "198 tales to learn from, 22 held back.")
    return [RunPhase("Reading the tales"), read, *map(pattern_step, steps)]
