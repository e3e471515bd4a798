"""What the steps of a run are measured by: each figure with its name, its value and its meaning.

The page and the report on paper tell the same figures in the same words. A new kind of step is an
entry of KINDS: from it both know what to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeGuard

from talecraft.process.run_events import KL_HARD_STOP, PatternStep, RunEvent, Step
from talecraft.story import rewards
from talecraft.story.clean import clean_line

AnyStep = Step | PatternStep


class Figure(NamedTuple):
    """One figure of a step: its name in words, its value, what it means, and what it is called in
    the literature, with its unit. `bound` is what it is steered to, `stop` where the run ends;
    it may not be `measured` in every step."""

    id: str
    name: str
    of: Callable[[Any], float]  # of one of the steps that it belongs to
    shown: Callable[[float], str]
    means: Callable[[Any], str]
    technical: str = ""
    bound: Callable[[Any], float | None] = lambda step: None
    bound_name: str = ""
    stop: Callable[[Any], float | None] = lambda step: None
    stop_name: str = ""
    from_nought: bool = True  # the curve's axis; a loss far from nought would be a level line
    percent: bool = False
    measured: Callable[[Any], bool] = lambda step: True

    def told_by(self, steps: Sequence[AnyStep]) -> list[AnyStep]:
        """The steps that it was measured in; where there is none, all."""
        return [step for step in steps if self.measured(step)] or list(steps)

    def course(self, values: Sequence[float]) -> str:
        """In words what the curve of `values` shows."""
        return course(self.shown(values[0]), values)


def _learned(step: Step) -> bool:
    """Was anything learned from its turns? Not where they made the run stop: then what the learning
    is measured by is nought."""
    return not step.note or any((step.policy_loss, step.value_loss, step.clip_fraction))


class Kind(NamedTuple):
    """The figures of one kind of step: those that the page shows, and those for paper alone; and
    what such a step is called."""

    page: tuple[Figure, ...]
    paper: tuple[Figure, ...] = ()
    steps: str = "step"


def percent(value: float) -> str:
    return f"{value:.0%}"


FIGURES = (
    Figure("reward", "Pleasing (reward)", lambda s: s.reward, lambda v: f"{v:+.2f}",
           lambda s: "more is better; 0 is as it wrote",
           "mean reward, SD of the reference"),
    Figure("distance", "Change (KL)", lambda s: s.kl, lambda v: f"{v:.2f}",
           lambda s: f"from how it wrote; aim {s.kl_target:g}, end {KL_HARD_STOP * s.kl_target:g}",
           "KL to the reference, nats a passage",
           lambda s: s.kl_target, ", its aim",
           lambda s: KL_HARD_STOP * s.kl_target, "its end"),
    Figure("entropy", "Freedom (entropy)", lambda s: s.entropy, lambda v: f"{v:.2f}",
           lambda s: "how freely it chooses its words",
           "policy entropy, nats a token"),
    Figure("clipped", "Reined in (clip)", lambda s: s.clip_fraction, lambda v: f"{v:.1%}",
           lambda s: "changes cut off as too large",
           "PPO clip fraction, tokens", percent=True, measured=_learned),
    Figure("value", "Misjudged (value)", lambda s: s.value_loss, lambda v: f"{v:.2f}",
           lambda s: "how far its forecasts were off",
           "value loss, half squared error", measured=_learned),
    Figure("length", "Length", lambda s: s.length, lambda v: f"{v:.0f} words",
           lambda s: "of a passage",
           "words a passage"),
    Figure("repetition", "Repetition", lambda s: s.repetition, percent,
           lambda s: "word pairs that come again",
           "1 - distinct-2", percent=True),
    Figure("finished", "Ended", lambda s: s.finished, percent,
           lambda s: "passages that it ended itself",
           "share ended by the model", percent=True),
)  # fmt: skip
_FURTHER = (
    Figure("policy", "Urge (policy loss)", lambda s: s.policy_loss, lambda v: f"{v:+.4f}",
           lambda s: "what it was pushed by; near 0 is usual",
           "clipped surrogate loss", measured=_learned),
    Figure("rein", "Rein (beta)", lambda s: s.beta, lambda v: f"{v:.3f}",
           lambda s: "how firmly it is held to how it wrote",
           "KL coefficient, adaptive"),
    Figure("seconds", "Time", lambda s: s.seconds, lambda v: f"{v:.1f} s",
           lambda s: "that a step took",
           "wall-clock seconds a step"),
)  # fmt: skip
PATTERN = (
    Figure("loss", "Surprise (loss)", lambda s: s.loss, lambda v: f"{v:.3f}",
           lambda s: "at the tales; less is better",
           "cross-entropy, nats a token", from_nought=False),
    Figure("held-out", "Unseen (loss)", lambda s: s.held_out, lambda v: f"{v:.3f}",
           lambda s: "the same, of tales held back",
           "held-out cross-entropy, nats a token", from_nought=False),
    Figure("rate", "Stride (rate)", lambda s: s.rate, lambda v: f"{v:.1e}",
           lambda s: "how far a step goes",
           "learning rate"),
    Figure("one-shot", "With an example", lambda s: s.one_shot, percent,
           lambda s: "of its texts; later ones have none",
           "share of one-shot sequences", percent=True),
)  # fmt: skip
KINDS: dict[type, Kind] = {
    Step: Kind(FIGURES, _FURTHER, "update"),
    PatternStep: Kind(PATTERN),
}


def is_step(event: RunEvent) -> TypeGuard[AnyStep]:
    """Is it one of the steps that figures are known of?"""
    return type(event) in KINDS


def take(steps: list[AnyStep], step: AnyStep) -> None:
    """Put the next of a run's steps behind the others. A resumed run takes the step again that it
    was killed in."""
    while steps and steps[-1].step >= step.step:
        steps.pop()
    steps.append(step)


def figures_of(steps: Sequence[AnyStep]) -> tuple[Figure, ...]:
    """What these steps are measured by on the page; without steps, what a run of PPO is."""
    return KINDS[type(steps[-1])].page if steps else FIGURES


def part_words(name: str) -> str:
    """What a part of the reward is called."""
    return clean_line(rewards.words(name))


def course(first: str, values: Sequence[float]) -> str:
    """How `values` went since the first of them, which is said as `first`: in words."""
    low, high = min(values), max(values)
    if len(values) < 2 or values[-1] == values[0]:
        ended = "unchanged" if low == high else "now as at first"
    else:
        ended = f"{'up' if values[-1] > values[0] else 'down'} from {first}"
    if values[-1] == high > max(values[0], values[-2] if len(values) > 1 else high):
        return f"{ended}, its highest"
    if values[-1] == low < min(values[0], values[-2] if len(values) > 1 else low):
        return f"{ended}, its lowest"
    return ended


def duration(seconds: float) -> str:
    """A length of time as one says it: `40 s`, `3 min`, `1 h 20 min`."""
    if seconds < 55:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{max(1, minutes)} min"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes % 60 else f"{minutes // 60} h"
