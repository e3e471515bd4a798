"""`python -m benchmarks.long_story`: how long a turn makes one wait as a story outgrows the window,
and what four versions of a passage cost beside one. The real engine, the bundled model.
"""

from __future__ import annotations

import itertools
import queue
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.report import Row
from talecraft.paths import Home
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Delta, Draft, DraftsOver, Failed, Load, Loaded
from talecraft.story.turns import Generation
from talecraft.studio import Studio
from talecraft.studio.events import StudioEvent, TurnFailed, TurnWritten

PREMISE = "A lighthouse keeper finds a letter in a bottle on the rocks."
SAID = "She listened, and for a while there was nothing but the sea."
TURNS, LATE = 60, 40
ROUNDS = 9
SECONDS = 120.0


class Told:
    """A listener that notes when each event came."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[tuple[float, StudioEvent]] = queue.SimpleQueue()

    def __call__(self, event: StudioEvent) -> None:
        self._events.put((time.perf_counter(), event))

    def turn(self, request: int) -> tuple[float, Generation]:
        """When its first words came, and its record."""
        first = 0.0
        while True:
            at, event = self._events.get(timeout=SECONDS)
            if isinstance(event, Delta) and event.request == request:
                first = first or at
            elif isinstance(event, TurnFailed) and event.request == request:
                raise RuntimeError(event.message)
            elif isinstance(event, TurnWritten) and event.request == request:
                made = event.turn.generation
                assert made is not None
                return first, made


def waits(home: Home) -> tuple[list[float], list[bool]]:
    """Seconds to the first words of each turn after the same new text; whether text left there."""
    told = Told()
    seconds, drops, gone = [], [], ""
    with Studio(told, home) as studio:
        story = studio.writing.new_story(PREMISE)
        studio.start_engine()
        told.turn(studio.writing.continue_story(studio.writing.new_story("Warm.").id, seed=0))
        for number in range(TURNS):
            started = time.perf_counter()
            request = studio.writing.continue_story(story.id, SAID, seed=number)
            first, made = told.turn(request)
            seconds.append(first - started)
            left = next((one.name for one in made.left_out if one.source == "text"), "")
            drops.append(left != gone)
            gone = left
    return seconds, drops


def versions(home: Home) -> tuple[list[list[float]], list[float]]:
    """Seconds for each of four versions of a passage alone, and for the four in one batch. They are
    of many lengths, and the batch lasts as long as its longest."""
    events: queue.SimpleQueue[object] = queue.SimpleQueue()
    with Studio(at=home) as studio:
        story = studio.library.stories.list()[-1]
        blocks = studio.writing.preview(story.id, "")
        model = studio.model_ref()
        sampling = studio.settings.writing.of(studio.model).sampling(0)
        client = EngineClient(events.put, home.logs)
        client.load(Load(model))
        try:
            _until(events, Loaded)
            alone: list[list[float]] = []
            together: list[float] = []

            def took(seeds: list[int]) -> float:
                started = time.perf_counter()
                client.generate(Draft(next(numbers), model.key, [blocks], sampling, [seeds]))
                _until(events, DraftsOver)
                return time.perf_counter() - started

            numbers = itertools.count(1)
            for number in range(ROUNDS + 1):
                seeds = [100 * number + n for n in range(4)]
                alone.append([took([seed]) for seed in seeds])
                together.append(took(seeds))
        finally:
            client.close()
    return alone[1:], together[1:]  # the first warms up


def _until(events: queue.SimpleQueue[object], kind: type) -> None:
    while not isinstance(event := events.get(timeout=SECONDS), kind):
        if isinstance(event, Failed):
            raise RuntimeError(event.message)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        home = Home(base / "data", base / "config", base / "cache", base / "logs")
        seconds, drops = waits(home)
        alone, four = versions(home)
    # What a first turn takes is one figure: the median of the turns that still fit.
    fits = [took for took, dropped in zip(seconds[:4], drops[:4], strict=True) if not dropped]
    late = list(zip(seconds[LATE:], drops[LATE:], strict=True))
    kept = [took for took, dropped in late if not dropped]
    left = [took for took, dropped in late if dropped]
    first = seconds[0]
    p95 = statistics.quantiles(kept, n=20)[-1]
    said = f" ({1000 * statistics.median(kept):.0f} ms / {1000 * first:.0f} ms)"
    rows = [
        Row.most(f"first words, turns {LATE}-{TURNS} / turn 1", statistics.median(kept) / first,
                 1.5, f"x{said}"),
        Row.most("the same, p95 / turn 1", p95 / first, 4.0, "x"),
        Row(f"turns of these where text left: {len(left)}",
            f"{1000 * statistics.median(left):.0f} ms" if left else "none", "", True),
        Row("first words, the first turns that fit",
            ", ".join(f"{1000 * took:.0f}" for took in fits) + " ms", "", True),
        Row.ratio(
            "four versions in one batch / the longest of them alone", four, [*map(max, alone)], 2.0
        ),
        Row.ratio("the same / one of them, on average", four, [*map(statistics.mean, alone)], 2.0),
    ]  # fmt: skip
    report.write("A story that outgrows the window", "python -m benchmarks.long_story", rows)


if __name__ == "__main__":
    main()
