"""kill -9 at any moment of a run's life: it goes on to the adapter it would have ended at.

`pytest tests/learning/test_kills.py --rounds 50` kills at fifty points, in turn at a file's
operation, a line of events, a token or minibatch, and any moment whatever.
"""

from __future__ import annotations

import hashlib
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from talecraft.process import run_client
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_events import Outcome
from tests.support import small_run
from tests.support.small_run import Runner

UPDATES = small_run.SHORT.updates
KINDS = ("file", "token", "line", "moment")


class Whole(NamedTuple):
    """A run that nobody killed: how it ended, and the moments of its life."""

    runner: Runner
    model: ModelRef
    active: AdapterRef
    outcome: Outcome
    beats: list[str]
    seconds: float

    def death(self, kind: str, share: float) -> dict[str, Any]:
        """How to kill a run when this much of its life is over, by the clock of a kind."""
        if kind == "moment":
            return {"kill_after": share * self.seconds}
        beats = [one for one in self.beats if one.startswith(kind)]
        return {"die_at": " ".join(beats[int(share * len(beats))].split()[:2])}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    place = tmp_path_factory.mktemp("kills")
    model = small_run.small_model(place / "model")
    active = small_run.adapter_of(model, place / "active")
    with small_run.serving(place / "server", model) as runner:
        folder = small_run.order(place / "run", model, active)
        started = time.monotonic()
        ended = runner.run(folder)
        outcome = small_run.outcome(folder)
        assert outcome is not None, (folder / run_client.LOG).read_text()[-2000:]
        yield Whole(runner, model, active, outcome, ended.beats, time.monotonic() - started)


def test_there_are_moments_in_every_part_of_a_run(whole: Whole) -> None:
    told = "\n".join(whole.beats)
    for part in (
        "open config.json", "open episodes.jsonl", "after TasteLearned", "after Step",
        "mkdir candidate", "open adapter_config.json", "before Outcome", "after Outcome",
    ):  # fmt: skip
        assert part in told, "nothing dies there"
    assert told.count("os.rename .checkpoint") == UPDATES
    assert told.count("token") > 200


@pytest.mark.rounds(4)
def test_a_run_killed_anywhere_ends_where_it_would_have(
    whole: Whole, nth: tuple[int, int], tmp_path: Path
) -> None:
    number, rounds = nth
    kind = KINDS[number % len(KINDS)]
    chance = random.Random(number)
    deaths = [whole.death(kind, (number + 0.5) / rounds)]
    if number % 5 == 3:  # and once more, before it comes to its end
        deaths.append(whole.death(chance.choice(KINDS), chance.random() / 2))
    folder = small_run.order(tmp_path / "run", whole.model, whole.active)
    before = digest(Path(whole.active.folder))
    killed = whole.runner.run(folder, **deaths[0])
    assert killed.code == -signal.SIGKILL or kind == "moment"
    for more in [*deaths[1:], {}]:
        if small_run.outcome(folder) is None:
            run_client.tidy(folder)
            whole.runner.run(folder, **more)
    outcome = small_run.outcome(folder)
    assert outcome is not None, (folder / run_client.LOG).read_text()[-2000:]
    assert msgspec.structs.replace(outcome, seconds=whole.outcome.seconds) == whole.outcome
    assert small_run.candidate(folder, whole.model).id == whole.outcome.adapter_id
    assert digest(Path(whole.active.folder)) == before
    assert not list(folder.glob(".*")), "nothing half done is left"


def digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
