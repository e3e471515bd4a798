"""The receipt: what was ordered, what it was made from, and what came of it, to the last number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from talecraft import __version__
from talecraft.process.run_events import RunSettings
from talecraft.story.methods import OFFLINE
from talecraft.studio.figures import duration
from talecraft.studio.reporting.html import Html, Inside, el, facts, folded, section, table
from talecraft.studio.reporting.told import Told

_STATES = {
    "active": "writes now",
    "candidate": "is not in use",
    "retired": "is not in use any more",
    "rejected": "was made, and not adopted",
}


class Hyperparameter(msgspec.Struct, frozen=True):
    """`usual` is the program's default; None where the order always says it."""

    name: str
    value: str
    usual: str | None = None

    @property
    def changed(self) -> bool:
        return self.usual is not None and self.value != self.usual


def hyperparameters(order: RunSettings) -> list[Hyperparameter]:
    """All that the run was told and that decides what it learns, its own method's first."""
    found: list[Hyperparameter] = []
    for own in _of_method(order):
        usual = _flat(type(own)())
        found += [
            Hyperparameter(name, one, usual.get(name, "")) for name, one in _flat(own).items()
        ]
    lora = {
        "lora_rank": order.lora_rank,
        "lora_alpha": order.lora_alpha,
        "lora_targets": order.lora_targets,
    }
    found += [Hyperparameter(name, _shown(one)) for name, one in lora.items()]
    page = _flat(order.sampling).items()
    return found + [Hyperparameter(f"sampling.{name}", one) for name, one in page if one]


def _of_method(order: RunSettings) -> list[msgspec.Struct]:
    """The tables of hyperparameters that its method goes by."""
    if order.method == "pattern":
        return [order.pattern]
    if order.method == "style":
        return [order.style, order.pattern, order.grpo, order.ppo]
    if order.method in OFFLINE:
        return [order.offline, order.ppo]
    return [order.grpo, order.ppo] if order.method in ("grpo", "dr_grpo") else [order.ppo]


def _flat(settings: msgspec.Struct) -> dict[str, str]:
    """Fields by name; those of a table as `table.key`."""
    found: dict[str, str] = {}
    for name, value in msgspec.structs.asdict(settings).items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": _shown(one) for key, one in value.items()}
        else:
            found[name] = _shown(value)
    return found


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


# ---------------------------------------------------------------------- the section
def receipt(told: Told, now: datetime) -> Html:
    """What one would have to know to check the run, or to do it again."""
    return section(
        "receipt",
        "The receipt",
        facts(_origin(told, now)),
        *_ordered(told),
        _files(told),
    )


def _origin(told: Told, now: datetime) -> Iterator[tuple[str, Inside]]:
    run, order, taste, tales = told.run, told.order, told.taste, told.tales
    yield "Run", el("code", run.id)
    yield "Method", run.method
    yield "State", f"{run.state_words}. {run.error}" if run.error else run.state_words
    if order is not None:
        yield "Model", el("code", f"{order.model.id}@{order.model.revision}")
        precision = order.model.quantisation
        yield "Quantisation", "none" if precision == "none" else precision
        yield "Began at", _adapter(order.root.id) if order.root else "the bare model"
        yield "Compared with", _adapter(order.parent.id) if order.parent else "the bare model"
        yield "Manner of", order.style.author or None
    else:
        yield "Model", run.model_id
    yield "Seed", str(run.seed)
    yield "Opinions up to", f"number {run.watermark} of the log"
    if taste is not None:
        yield (
            "Learned from",
            f"{taste.opinions} opinions in {_count(taste.stories, 'story', 'stories')}",
        )
        yield "Taste", taste.words
        yield "Reward model", taste.tried or None
        yield (
            "How surely",
            f"{taste.concordance:.0%} of {taste.pairs} unseen pairs ordered rightly"
            f" (90 % interval {taste.low:.0%} to {taste.high:.0%})",
        )
    if tales is not None:
        yield (
            "Learned from",
            f"{_count(tales.tales, 'tale', 'tales')} in {tales.turns:,} passages, {tales.tokens:,}"
            f" tokens; {tales.held_out} tales held back",
        )
        yield "Tales", Path(order.data).name if order is not None else None
    yield "Begun", f"{run.started_at[:19].replace('T', ' ')} UTC"
    yield "Ended", f"{run.ended_at[:19].replace('T', ' ')} UTC" if run.ended_at else None
    if told.outcome is not None:
        yield "Worked", f"{told.outcome.seconds:.1f} s ({duration(told.outcome.seconds)})"
        yield f"{told.kind.steps.capitalize()}s kept", str(told.outcome.steps)
        yield "Adapter", _adapter(told.outcome.adapter_id) if told.outcome.adapter_id else None
    yield "Now", adapter_words(told)
    ordered = order.version if order is not None else ""
    yield "Ordered by", f"Talecraft {ordered}" if ordered else "a Talecraft that did not say which"
    yield "Report by", f"Talecraft {__version__}, {now:%Y-%m-%d %H:%M %Z}"


def adapter_words(told: Told) -> str:
    """What became of the adapter; nothing where there is none."""
    one = told.adapter
    if one is None:
        return ""
    state = "was deleted" if one.deleted_at is not None else _STATES[one.state]
    return f"Adapter {one.label} {state}."


def _adapter(adapter_id: str) -> Html:
    return el("code", adapter_id)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _ordered(told: Told) -> Iterator[Html]:
    """The hyperparameters: those that differ from the defaults, and, folded, all of them."""
    if told.order is None:
        yield el("p", "Its order was written by another Talecraft, and cannot be read by this one.")
        return
    every = hyperparameters(told.order)
    head = ("Hyperparameter", "Value", "Default")
    changed = [(el("code", one.name), one.value, one.usual) for one in every if one.changed]
    yield el("h3", "Hyperparameters")
    if changed:
        yield table("Those that differ from the defaults.", head, changed, (0,))
    else:
        yield el("p", "All as they are by default.")
    rows = [(el("code", one.name), one.value, one.usual or "–") for one in every]
    yield folded(f"All {len(rows)} hyperparameters", table("", head, rows, (0,)))


def _files(told: Told) -> Html | None:
    files = told.outcome.files if told.outcome else {}
    if not files:
        return None
    rows = [(el("code", name), el("code", one)) for name, one in sorted(files.items())]
    return folded("Checksums of the adapter's files", table("", ("File", "SHA-256"), rows, (0, 1)))
