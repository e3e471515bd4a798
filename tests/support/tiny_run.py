"""A training run without torch: the real folder, lock and events; TINY_RUN says how it ends.

adopted, rejected: a candidate and an outcome; damaged: its weights change after they were summed;
misnamed: its id is not its content's; died: no outcome; wait: goes on until it is asked to stop;
going: the same with an update still to come, so that it can show an example.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

from talecraft.process import adapter_files, evidence, run_client, run_events, run_requests
from talecraft.process.run_events import (
    Check,
    Drawn,
    Estimate,
    Example,
    GoingOn,
    MannerLearned,
    MannerStage,
    Outcome,
    PatternStep,
    Practised,
    RunEvent,
    RunPhase,
    Sample,
    Step,
    Waiting,
)


def main() -> None:
    folder, end = Path(sys.argv[1]), os.environ.get("TINY_RUN", "adopted")
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    total = 2 if end == "going" else 1
    if (given := folder / run_client.STYLE).exists():
        shutil.copy(given, folder / "style.copy")  # which ends with the run
    if settings.method == "pattern":
        scores = len(Path(settings.data).read_bytes())
        tell(folder, RunPhase("Reading the tales"))
        (folder / run_client.TALES).write_bytes(b"")
        tell(folder, PatternStep(1, total, 3.5, 3.6, 1e-3, 0.5, 0.5, 0.0))
    elif settings.method == "style":
        scores = len((folder / run_client.MANNER).read_bytes())
        tell(folder, RunPhase("Reading the author's chunks"))
        tell(folder, PatternStep(1, total, 3.5, 3.6, 1e-3, 0.0, 0.5, 0.0))
        tell(
            folder,
            Step(1, total, 0.5, {}, 1.0, 3.0, 0.05, 2.0, 0.1, 0.2, 0.1, 60.0, 0.0, 0.5, 0.0),
        )
        tell(folder, manner(settings.style.author))
    else:
        found = evidence.read((folder / run_client.EPISODES).read_bytes().splitlines())
        scores = sum(one.stars for one in found.passages)
        tell(folder, RunPhase(f"Reading {len(found.passages)} scores"))
        shares = {"taste": 0.75, "length": -0.25}
        turns = [
            Practised("Of a fox", "- It runs", "The fox ran.", 0.5, shares, 1.25, True),
            Practised("Of a fox", "- It sleeps", "The fox slept.", 0.75, shares, 0.5, False),
        ]
        tell(folder, Drawn(1, turns))
        tell(
            folder,
            Step(1, total, 0.5, {}, 1.0, 3.0, 0.05, 2.0, 0.1, 0.2, 0.1, 60.0, 0.0, 0.5, 0.0),
        )
    (folder / run_client.CHECKPOINT).write_bytes(b"state")
    if end in ("wait", "going"):
        wait(folder)
        tell(folder, Outcome("cancelled", "It was stopped."))
        return
    if end == "died":
        print("The last words of a run.", file=sys.stderr, flush=True)
        os._exit(9)
    candidate = folder / run_client.CANDIDATE
    candidate.mkdir()
    (candidate / "adapter_config.json").write_text(f'{{"seed": {settings.seed}}}')
    (candidate / "adapter_model.safetensors").write_bytes(bytes([scores % 256]) * 100)
    files = adapter_files.checksums(candidate)
    name = "../../escaped" if end == "misnamed" else adapter_files.content_id(files)
    if end == "damaged":
        (candidate / "adapter_model.safetensors").write_bytes(b"\0" * 100)
    state = "rejected" if end == "rejected" else "adopted"
    check = Check("win rate", 0.8, ">= 0.55", state == "adopted", "It wins often.")
    samples = [Sample("p", "before", "after")]
    tell(
        folder,
        Outcome(state, "It writes as you like it.", [check], samples, [], name, files, 1, 0.5),
    )  # type: ignore[arg-type]


def manner(author: str) -> MannerLearned:
    """Each stage a tenth nearer than the last."""

    def about(value: float) -> Estimate:
        return Estimate(value, value - 0.0625, value + 0.0625)

    stages = [
        MannerStage(name, about(0.25 + at / 8), about(0.125), 0.25 * at, about(0.5), 20.0 - at)
        for at, name in enumerate(("before", "sft", "grpo"))
    ]  # fmt: skip
    gains = [about(0.125), about(0.125), about(0.25)]
    return MannerLearned(author, 30, 20, 0.75, 0.0, stages, gains)  # type: ignore[arg-type]


def wait(folder: Path) -> None:
    """Until it is cancelled: pause, give way and show examples as it is asked."""
    lookout, reason = run_requests.WritingLookout(folder.parent), None
    while not run_requests.asked(folder, run_requests.CONTROL):
        paused = run_requests.asked(folder, run_requests.PAUSE)
        now = "pause" if paused else "writing" if lookout.writing else None
        if now != reason:
            reason = now
            tell(folder, Waiting(reason) if reason is not None else GoingOn(0.0))
        if reason is None and run_requests.withdraw(folder, run_requests.EXAMPLE):
            tell(folder, Example(1, Sample("A gate.", "It is shut.", "It stands open.")))
        time.sleep(0.01)


def tell(folder: Path, event: RunEvent) -> None:
    with (folder / run_client.EVENTS).open("ab") as file:
        file.write(run_events.encode(event) + b"\n")


if __name__ == "__main__":
    main()
