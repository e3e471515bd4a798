"""The installed models side by side: how well they read, follow their plans, and how quickly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from talecraft.config.assets import reference
from talecraft.config.models import ModelSpec
from talecraft.errors import UsageError
from talecraft.process import exam
from talecraft.process.exam import Examined, ExamOrder

if TYPE_CHECKING:
    from talecraft.studio.studio import Studio

TURNS = 12
BAR = 24  # cells of the longest bar


class Measure(msgspec.Struct, frozen=True):
    """A column: what a figure is called, and how it is told. `most` is best where `more` is."""

    title: str
    more: bool
    value: Callable[[Examined], float]
    told: Callable[[float], str]


MEASURES = (
    Measure("bits a character", False, lambda e: e.bits, lambda v: f"{v:.2f}"),
    Measure("perplexity a token", False, lambda e: e.perplexity, lambda v: f"{v:.1f}"),
    Measure("plan in its prose", True, lambda e: e.followed, lambda v: f"{v:.0%}"),
    Measure("plan in another's", False, lambda e: e.strange, lambda v: f"{v:.0%}"),
    Measure("repeated 4-grams", False, lambda e: e.repeated, lambda v: f"{v:.1%}"),
    Measure("finished turns", True, lambda e: e.finished, lambda v: f"{v:.0%}"),
    Measure("tokens a second", True, lambda e: e.speed, lambda v: f"{v:.0f}"),
    Measure("seconds to the first", False, lambda e: e.first, lambda v: f"{v:.2f}"),
    Measure("memory, GB", False, lambda e: e.memory / 1e3, lambda v: f"{v:.1f}"),
)


def installed(studio: Studio, ids: Sequence[str]) -> list[ModelSpec]:
    """The models named, or all that are installed. Raises UsageError for one that is not."""
    specs = [studio.catalogue.get(one) for one in dict.fromkeys(ids)] or list(studio.catalogue)
    here = [one for one in specs if studio.catalogue.installed(one, studio.home)]
    missing = [one.id for one in specs if one not in here]
    if ids and missing:
        raise studio.preferences.not_installed(studio.catalogue.get(missing[0]))
    return here


def examine(
    studio: Studio,
    spec: ModelSpec,
    turns: int,
    seed: int,
    hear: Callable[[float], None],
) -> Examined:
    """Measure one model as it came, without an adapter: the shipped passages, and `turns` turns at
    the page's sampling after shipped first lines; the same for every model. `hear` gets the share
    that is done.

    Raises UsageError for more turns than there are lines, DoesNotFit, EngineError.
    """
    prompts = reference("gate")
    if turns > len(prompts):
        raise UsageError(f"There are {len(prompts)} first lines, not {turns}.")
    order = ExamOrder(
        studio.model_ref(spec),
        reference("passage"),
        prompts[:turns],
        studio.settings.writing.of(spec).sampling(seed),
    )
    return exam.examine(order, lambda event: hear(event.done / max(1, event.total)))


def bars(names: Sequence[str], found: Sequence[Examined], measure: Measure) -> list[str]:
    """A plot of one measure as lines of text, a bar a model; the best one is named so."""
    values = [measure.value(one) for one in found]
    longest = max(values) or 1.0
    best = measure.told((max if measure.more else min)(values))
    width = max(map(len, names))
    way = "more is better" if measure.more else "less is better"
    lines = [f"{measure.title} ({way})"]
    told = [measure.told(value) for value in values]
    for name, value, text in zip(names, values, told, strict=True):
        mark = "  best" if text == best and len(set(told)) > 1 else ""
        lines.append(f"  {name.ljust(width)}  {_bar(value / longest).ljust(BAR)}  {text}{mark}")
    return lines


def _bar(share: float) -> str:
    """Eighths of a cell, so that near values differ."""
    eighths = round(max(0.0, share) * BAR * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
