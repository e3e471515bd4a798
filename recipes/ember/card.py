"""The model card: `card.md`, filled from what was trained and measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from recipes.ember.evaluate import Figures, Written
from recipes.ember.recipe import Shape, Stage

TEMPLATE = Path(__file__).with_name("card.md")


def filled(
    stages: Sequence[tuple[Stage, Path]],
    shape: Shape,
    parameters: int,
    machine: str,
    table: str,
    ours: Figures,
) -> str:
    """The whole card as Markdown. Each stage comes with the folder of its curve."""
    return TEMPLATE.read_text().format(
        millions=f"{parameters / 1e6:.1f}",
        layers=shape.layers,
        width=shape.width,
        heads=shape.heads,
        feed_forward=shape.feed_forward,
        vocabulary=f"{shape.vocabulary:,}",
        context=f"{shape.context:,}",
        stages="".join(_row(stage, folder) for stage, folder in stages),
        step_tokens=f"{stages[0][0].step_tokens:,}",
        dropout=f"{stages[0][0].dropout:.0%}",
        machine=machine,
        table=table.strip(),
        samples="\n".join(_sample(one) for one in ours.samples),
    )


def _row(stage: Stage, folder: Path) -> str:
    rows = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    held = [row["held_out"] for row in rows if "held_out" in row]
    tokens, minutes = rows[-1]["tokens"] / 1e6, rows[-1]["seconds"] / 60
    return f"| {stage.name} | {stage.window} | {tokens:.1f} M | {minutes:.0f} | {held[-1]:.3f} |\n"


def _sample(one: Written) -> str:
    rows = f"{one.outline}\n\n{one.prose}".split("\n")
    return f"**{one.premise}**\n\n" + "\n".join(f"> {row}".rstrip() for row in rows) + "\n"
