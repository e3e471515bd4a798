"""The way round for the first time: write, judge, choose, train, compare; and what comes next."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from talecraft.errors import LibraryError, TalecraftError
from talecraft.library import Library
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home, private_folder, private_write
from talecraft.process.run_events import FEWEST_OPINIONS, Outcome
from talecraft.story.methods import METHODS
from talecraft.studio.plan import TrainingPlan
from talecraft.studio.settling import RESUMABLE

Step = Literal[
    "begin", "write", "judge", "choose", "train", "watch", "stopped", "failed",
    "adopted", "another", "compare", "rejected", "refused", "over",
]  # fmt: skip
STEPS = 5
_NUMBERS: dict[Step, int] = {
    "begin": 1, "write": 2, "judge": 2, "choose": 3, "train": 4, "watch": 4, "stopped": 4,
    "failed": 4, "adopted": 5, "another": 5, "compare": 5, "rejected": 5, "refused": 5, "over": 5,
}  # fmt: skip
_VERDICTS = ("adopted", "rejected", "refused")
_MOST = 1000  # bytes of the file


class Facts(msgspec.Struct, frozen=True):
    """What there is: a story, a passage by the model, an opinion of one, enough to learn from, how
    the newest run stands ("" for none), and whether it is `another` model's than the one that
    writes. What came after its verdict: an opinion; where it was adopted, a passage by its adapter
    and a blind comparison."""

    story: bool = False
    passage: bool = False
    judged: bool = False
    enough: bool = False
    run: str = ""
    another: bool = False
    judged_since: bool = False
    written_since: bool = False
    compared_since: bool = False


class Next(msgspec.Struct, frozen=True):
    """The one thing to do next, in which of the STEPS; `words` is what a run said at its end."""

    step: Step
    words: str = ""

    @property
    def number(self) -> int:
        return _NUMBERS[self.step]


def next_step(facts: Facts) -> Step:
    """What these facts leave to be done first; what is done already is never asked for again."""
    match facts.run:
        case "running":
            return "watch"
        case "adopted" if facts.another and not facts.compared_since:
            return "another"
        case "adopted" if not facts.written_since:
            return "adopted"
        case "adopted":
            return "over" if facts.compared_since else "compare"
        case "rejected":
            return "over" if facts.judged_since else "rejected"
        case "refused":
            return "over" if facts.judged_since else "refused"
    if facts.run:
        return "stopped" if facts.run in RESUMABLE else "failed"
    if facts.enough:
        return "train"
    if not facts.story:
        return "begin"
    if not facts.passage:
        return "write"
    return "choose" if facts.judged else "judge"


class Guide:
    """Looks at what has been done, and keeps on disk whether it is still to speak.

    It begins in a library without runs, ends after the first verdict, and can be put away and
    brought back at any moment. `plan` is what a run would learn from now, `model` the id of the
    model that writes.
    """

    def __init__(
        self,
        library: Library,
        home: Home,
        plan: Callable[[], TrainingPlan],
        model: Callable[[], str],
    ) -> None:
        self._library = library
        self._home = home
        self._plan = plan
        self._model = model
        self._shown: bool | None = None  # None: not looked at yet
        self._over = False
        self._enough: tuple[int, bool] = (0, False)  # by how many lines of opinion, what was found

    # ------------------------------------------------------------------ spoken or not
    @property
    def shown(self) -> bool:
        if self._shown is None:
            kept = self._read()
            self._shown = kept if kept is not None else not self._library.runs.list()
            if kept is None and self._shown:
                self._keep(True)  # a first run that comes now does not make it fall silent
        return self._shown

    def show(self, shown: bool) -> None:
        """Put it away, or bring it back."""
        self._over = False
        self._shown = shown
        self._keep(shown)

    @property
    def _file(self) -> Path:
        return self._home.data / "guide.json"

    def _read(self) -> bool | None:
        try:
            with self._file.open("rb") as file:
                return msgspec.json.decode(file.read(_MOST), type=dict[str, bool]).get("shown")
        except (OSError, msgspec.MsgspecError):
            return None

    def _keep(self, shown: bool) -> None:
        with contextlib.suppress(LibraryError):  # a full disk: it holds until the program's end
            private_folder(self._home.data)
            private_write(self._file, msgspec.json.encode({"shown": shown}))

    # ------------------------------------------------------------------ what comes next
    def look(self) -> Next | None:
        """What comes next now, or nothing where the guide is put away. Raises LibraryError.

        When the way round is over this is said until the program ends, and never again.
        """
        if not self.shown:
            return None
        run = self._newest()
        facts = self._facts(run)
        step = next_step(facts)
        if step == "over":
            self._over = True
            self._keep(False)
        elif self._over:  # the next way round is begun, and known by now
            self._shown = False
            return None
        ended = run is not None and step in ("rejected", "refused")
        return Next(step, _words(run) if run is not None and ended else "")

    def _newest(self) -> TrainingRun | None:
        """The newest run on opinions; one with a verdict before one without."""
        runs = [run for run in self._library.runs.list() if run.method in METHODS]
        judged = [run for run in runs if run.state in _VERDICTS]
        going = [run for run in runs if run.state == "running"]
        return next(iter([*going, *judged, *runs]), None)

    def _facts(self, run: TrainingRun | None) -> Facts:
        reached = self._library.landmarks.reached()
        facts = Facts(reached.story, reached.passage, reached.judged)
        if run is None:
            enough = self._is_enough(reached.opinions)
            return msgspec.structs.replace(facts, enough=enough)
        if run.state not in _VERDICTS or run.ended_at is None:
            return msgspec.structs.replace(facts, run=run.state)
        since = self._library.landmarks.since(run.ended_at, run.adapter_id)
        return msgspec.structs.replace(
            facts,
            run=run.state,
            another=run.model_id != self._model(),
            judged_since=since.judged,
            written_since=since.written,
            compared_since=since.compared,
        )

    def looked(self, sure: bool) -> None:
        """What was made of the opinions that there are: where it is not `sure`, more are needed."""
        self._enough = self._library.landmarks.reached().opinions, sure

    def _is_enough(self, opinions: int) -> bool:
        """Whether a run would find enough; asked only when it may have changed."""
        if opinions < FEWEST_OPINIONS:
            return False
        if not self._enough[1] and opinions != self._enough[0]:
            with contextlib.suppress(TalecraftError):
                plan = self._plan()
                # Where only the room for a run is missing, the training screen says so.
                self._enough = opinions, not plan.refusal or not plan.fits
        return self._enough[1]


def _words(run: TrainingRun) -> str:
    """Why it changed nothing."""
    with contextlib.suppress(msgspec.MsgspecError):
        outcome = msgspec.json.decode(run.outcome, type=Outcome)
        tried = outcome.reason if run.state == "rejected" else ""
        return tried or outcome.words
    return ""
