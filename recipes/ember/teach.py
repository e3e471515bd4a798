"""The bar of `talecraft pattern learn`: a model that has read plain stories only, 200 examples."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from talecraft.corpus import outlines
from talecraft.corpus.tales import Tale

EXAMPLES = 200
# Tags of plain words: the special tokens of the pattern were never seen by such a model.
ENTRY = """\
[style.words]
premise_open = "Idea: "
think_open = "Plan:\\n"
story_open = "Story:\\n"
stops = ["Plan:", "Story:", "Idea:"]

[[model]]
id = "plain"
title = "Plain stories only"
source = "local"
location = {folder}
revision = "{checksum}"
context_length = {context}
style = "words"
lora_rank = 8
lora_alpha = 16
learning_rate = 8e-4
dry_multiplier = 5.0
licence = "not distributed"
parameters = "a few million"
"""


def examples(tales: Sequence[Tale], seed: int = 0) -> list[dict[str, str]]:
    """200 turns as a user's own table: prompt, outline, story; each the first of its tale."""
    fitting = [
        one
        for one in tales
        if one.passages and 2 <= len(one.passages[0].outline) <= outlines.MOST_BEATS
    ]
    return [
        {
            "prompt": one.premise,
            "outline": "\n".join(one.passages[0].outline),
            "story": one.passages[0].prose,
        }
        for one in random.Random(seed).sample(fitting, min(EXAMPLES, len(fitting)))
    ]


def teach(folder: Path, context: int, rows: Sequence[dict[str, str]], home: Path) -> str:
    """Teach the model in `folder` by the program's own command, in a home of its own; returns what
    it reports. An adapter that was not adopted is a report too."""
    (home / "config").mkdir(parents=True, exist_ok=True)
    stamp = int((folder / "model.safetensors").stat().st_mtime)
    entry = ENTRY.format(folder=json.dumps(str(folder.resolve())), checksum=stamp, context=context)
    (home / "config/models.toml").write_text(entry)
    table = home / "examples.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["pattern", "learn", "--model", "plain", "--data", str(table), "--yes", "--seed", "0"]
    environment = {**os.environ, "TALECRAFT_HOME": str(home.resolve())}
    done = subprocess.run(
        [sys.executable, "-m", "talecraft", *command],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stdout
