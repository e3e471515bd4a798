"""A style and an author's chunks for tests, and orders for real runs of a few seconds by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import torch

from talecraft.config.assets import reference_file
from talecraft.corpus.manners import Specimen
from talecraft.learning.style import Projection, reader
from talecraft.process import run_client, run_events
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_events import GrpoSettings, PpoSettings, RunSettings, StyleSettings
from talecraft.process.style import Correlation, Tuned
from talecraft.story.turns import Sampling
from tests.support import small_run, tales

AUTHOR = "Ada Vane"
SHORT = msgspec.structs.replace(
    small_run.SHORT, updates=2, batch=8, reference_samples=8, prompt_tokens=48,
    rewards={"style": 1.0, "finished": 0.5},
)  # fmt: skip
SFT = msgspec.structs.replace(tales.SHORT, batch=4, epochs=2, one_shot=0.0, one_shots=0)


def style(model: ModelRef, path: Path) -> Path:
    """A projection drawn at random, the same each time."""
    from talecraft.engine import loading

    opened = loading.open_model(model)
    width = reader(opened.base, opened.codec, opened.pad)(["A fox."]).shape[1]
    weight = torch.randn(8, width, generator=torch.Generator().manual_seed(0))
    none = Correlation(0.5, 0.4, 0.6)
    tuned = Tuned("base", "tests", 60, 10, 10, none, none, 1, 1, model.key)
    Projection(torch.zeros(width), torch.ones(width), weight).save(path, tuned)
    return path


def specimens(train: int = 24, held: int = 8) -> list[Specimen]:
    """Chunks of one author, those that are held back of another book; and some of two others."""
    found = []
    for number in range(train + held):
        one, mine = tales.tale(number), number < train
        passage = one.passages[0]
        found.append(
            Specimen(
                AUTHOR, "The Fox" if mine else "The Owl", f"CHAPTER {number // 4}", number,
                "train" if mine else "held", True, passage.prose, one.premise, passage.outline,
            )
        )  # fmt: skip
    for author in ("Bo Moss", "Cy Holt"):
        found += [
            Specimen(author, "It", "I", at, "train", False, f"{author} wrote it; {at} times, alas!")
            for at in range(3)
        ]
    return found


def order(
    folder: Path,
    model: ModelRef,
    fitted: Path,
    chunks: list[Specimen] | None = None,
    parent: AdapterRef | None = None,
    root: AdapterRef | None = None,
    ppo: PpoSettings = SHORT,
    **changes: Any,
) -> Path:
    """Lay out a run's folder as the program would; `changes` are of the order."""
    folder.mkdir()
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in chunks or specimens())
    (folder / run_client.MANNER).write_bytes(lines)
    (folder / run_client.STYLE).write_bytes(fitted.read_bytes())
    settings = RunSettings(
        "r", "style", model, parent, 4, 8, "all-linear", 1, 0, str(reference_file()),
        Sampling(outline_tokens=8, prose_tokens=20), ppo, root=root, pattern=SFT,
        grpo=GrpoSettings(generations=4), style=StyleSettings(AUTHOR, gate_turns=4),
    )  # fmt: skip
    settings = msgspec.structs.replace(settings, **changes)
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    return folder
