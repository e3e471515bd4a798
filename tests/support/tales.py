"""Tales for tests, and orders for real pattern runs of a few seconds."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from talecraft.config.assets import reference_file
from talecraft.corpus.tales import Passage, Tale
from talecraft.process import run_client, run_events
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_events import PatternSettings, RunSettings
from talecraft.story.turns import Sampling

BEASTS = ("fox", "bear", "hare", "wren", "goat", "mole")
PLACES = ("hill", "river", "barn", "harbour", "orchard")
SHORT = PatternSettings(
    epochs=2,
    batch=8,
    micro_batch=4,
    learning_rate=1e-2,
    max_tokens=192,
    one_shots=2,
    gate_turns=6,
)


def tale(number: int, turns: int = 1) -> Tale:
    """A small tale, different for each number, of so many turns."""
    beast, place = BEASTS[number % len(BEASTS)], PLACES[number // len(BEASTS) % len(PLACES)]
    passages = tuple(
        Passage(
            (f"The {beast} walks to the {place}", f"The {beast} finds {number} stones"),
            f"The {beast} walked to the {place} on day {turn} of story {number}. There the {beast}"
            f" found {number} round stones, put them all in a bag and slowly went home again.",
        )
        for turn in range(turns)
    )
    return Tale(f"A {beast} and the {place}, number {number}.", passages)


def tales(count: int = 30, turns: int = 1) -> list[Tale]:
    return [tale(number, turns) for number in range(count)]


def rows(some: Sequence[Tale]) -> list[dict[str, str]]:
    """Prompt, outline and story, a row a tale of one turn."""
    return [
        {
            "prompt": one.premise,
            "outline": "\n".join(f"- {beat}" for beat in one.passages[0].outline),
            "story": one.passages[0].prose,
        }
        for one in some
    ]


def written(file: Path, some: Sequence[Tale]) -> Path:
    """The tales in a file of the kind that its name says, in the shape such files have."""
    found: list[dict[str, Any]] = rows(some)
    if file.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        named = {"wp_source": [], "wp_target": []}
        for row in found:
            named["wp_source"].append(f"[ WP ] {row['prompt']}")
            named["wp_target"].append(row["story"])
        pyarrow.parquet.write_table(pyarrow.table(named), file)
    elif file.suffix == ".csv":
        with file.open("w", newline="") as opened:
            writer = csv.DictWriter(opened, ("prompt", "outline", "story"))
            writer.writeheader()
            writer.writerows(found)
    elif file.suffix == ".txt":
        file.write_text("\n\n***\n\n".join(row["story"] for row in found))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in found))
    return file


def order(
    folder: Path,
    model: ModelRef,
    data: Path,
    parent: AdapterRef | None = None,
    **changes: Any,
) -> Path:
    """Lay out a pattern run's folder as the program would; `changes` are of its settings."""
    folder.mkdir()
    settings = RunSettings(
        "r", "pattern", model, parent, 4, 8, "all-linear", 1, 0, str(reference_file()),
        Sampling(outline_tokens=12, prose_tokens=24), data=str(data),
        pattern=msgspec.structs.replace(SHORT, **changes),
    )  # fmt: skip
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    return folder
