"""One round of pairs: what has come, what was said of it, and what is still to be asked for."""

from __future__ import annotations

import random
import threading
from collections import deque
from typing import TYPE_CHECKING, Literal

import msgspec

from talecraft.errors import TalecraftError, UsageError
from talecraft.process.messages import AdapterRef, Drafted, DraftsOver, Failed, Finished
from talecraft.story.feedback import Feedback
from talecraft.story.notes import Notes
from talecraft.story.traits import traits
from talecraft.story.turns import Story, Turn
from talecraft.studio.bouts import Side
from talecraft.studio.contrast import Contrast
from talecraft.studio.events import PairReady, RoundFailed

if TYPE_CHECKING:
    from talecraft.studio.tasting import Tasting

Verdict = Literal["a", "b", "=", "neither"]
AHEAD = 4  # pairs that are ready, or being written, beyond the one that is read
DRAFTS = 8  # after each place of a taste round: the two that are shown are chosen among them
TAGS = ("taste",)
_PATIENCE = 3  # times in a row that drafting may fail
_BEFORE = 2000  # characters of the text before a pair: more than any screen shows


class Place(msgspec.Struct, frozen=True):
    """Where a pair is written: after `path` in `story`, which has the id 0 where it is new, under
    what the writer's `notes` tell there."""

    story: Story
    path: tuple[Turn, ...] = ()
    notes: Notes = Notes()

    @property
    def before(self) -> str:
        """The end of what is read before the pair."""
        parts = [self.story.premise, *(turn.prose for turn in self.path)]
        return "\n\n".join(parts)[-_BEFORE:]


class Pair(msgspec.Struct, frozen=True):
    """Two passages after the same text, already on disk. Which is `a` was drawn by lot."""

    before: str
    a: Turn
    b: Turn


class Contest(msgspec.Struct, frozen=True):
    """Who writes the two passages of each pair: the same prompts, the same seeds, two adapters of
    what writes now (None: the bare model), or the `sides` of two models.

    What is chosen is logged with `tags`.
    """

    adapters: tuple[AdapterRef | None, AdapterRef | None]
    tags: tuple[str, ...]
    sides: tuple[Side, Side] | None = None


def passage(turn: Turn) -> str:
    """A draft as it is read: with a mark where its budget ended it within a sentence."""
    made = turn.generation
    cut = made is not None and made.stop_reason != "end"
    prose = turn.prose.rstrip()
    return f"{prose} …" if cut and not prose.endswith(tuple(".!?…\"'”’)")) else prose


class Round:
    """One sitting. Drafts arrive on the engine's thread, choices on the reader's."""

    def __init__(
        self,
        tasting: Tasting,
        where: list[Place],
        dice: random.Random,
        contest: Contest | None = None,
    ) -> None:
        self.total = len(where)  # less in a contest for each pair that need not be shown
        self.failure = ""  # why no more pairs come, until `go_on` is asked for
        self.stopped = False
        # Of a contest's pairs that are not shown, the passage that won: the other is empty. None
        # where both are the same. Nobody said so: these are in no log.
        self.unshown: list[Finished | None] = []
        self._tasting = tasting
        self._dice = dice
        self._contest = contest
        self._lock = threading.RLock()
        self._places = deque(where)
        self._asked: dict[int, dict[int, Place]] = {}  # by request: what has not come yet
        self._ready: deque[Pair] = deque()
        self._contrast = Contrast()
        self._pool: dict[int, tuple[Place, list[Finished]]] = {}  # drafts not asked about yet
        self._judged: list[tuple[Pair, Verdict, list[Feedback]]] = []
        self._failures = self._groups = 0

    # ------------------------------------------------------------------ the reader's side
    @property
    def pair(self) -> Pair | None:
        """What is to be judged now; None while it is written, and at the end."""
        return self._ready[0] if self._ready and not self.stopped else None

    @property
    def waiting(self) -> int:
        """How many pairs could be shown now, the one that is shown among them."""
        return len(self._ready) + len(self._pool)

    @property
    def judged(self) -> int:
        return len(self._judged)

    @property
    def verdicts(self) -> list[tuple[Pair, Verdict]]:
        """What was said of each pair so far."""
        return [(pair, verdict) for pair, verdict, _ in self._judged]

    @property
    def over(self) -> bool:
        return self.stopped or self.judged == self.total

    def choose(self, verdict: Verdict) -> None:
        """Log what is thought of `pair` and go on to the next.

        Raises UsageError where there is none, LibraryError where it cannot be kept.
        """
        with self._lock:
            pair = self.pair
            if pair is None:
                raise UsageError(
                    "The round is over." if self.over else "The next pair is still being written.",
                    "Begin another." if self.over else "It comes in a moment.",
                )
            lines = _lines(pair, verdict, self._contest.tags if self._contest else TAGS)
            self._tasting.score(lines)
            self._ready.popleft()
            self._judged.append((pair, verdict, lines))
            self._show_next()
            self._ask_ahead()

    def undo(self) -> bool:
        """Take back the last choice and show its pair again; False where there is none."""
        with self._lock:
            if not self._judged or self.stopped:
                return False
            pair, _, lines = self._judged[-1]
            withdrawn = [Feedback(0, line.turn_id, line.kind, None) for line in lines]
            self._tasting.score(withdrawn)
            self._judged.pop()
            self._ready.appendleft(pair)
            return True

    def stop(self) -> None:
        """No more pairs. What was chosen stays; a pair nobody judged does no harm."""
        with self._lock:
            self.stopped = True
            for request in self._asked:
                self._tasting.cancel(request)
            self._asked.clear()

    def go_on(self) -> None:
        """Ask for pairs, at first or after a failure. Raises EngineError."""
        with self._lock:
            self.failure, self._failures = "", 0
            self._show_next()
            if not (self._ready or self._asked or self.stopped or self._contest):
                self._ask(1)  # alone it is there soonest
            self._ask_ahead()

    # ------------------------------------------------------------------ the engine's side
    def settle(self, event: Drafted | DraftsOver | Failed) -> None:
        with self._lock:
            waiting = self._asked.get(event.request or 0)
            if waiting is None:
                return
            try:
                if isinstance(event, Drafted):
                    self._arrived(waiting.pop(event.index), event)
                    return
                del self._asked[event.request or 0]
                self._places.extendleft(reversed(waiting.values()))
                if isinstance(event, Failed):
                    if self._asked:
                        return  # of a death all hear: it counts once, and then all is asked again
                    self._bear(UsageError(event.message, event.hint))
            except TalecraftError as error:
                self._give_up(error)
            self._ask_ahead()

    def _arrived(self, place: Place, event: Drafted) -> None:
        if self._contest is not None and len(event.turns) == 2:
            self._met(place, event.turns)
            return
        drafts = list({turn.prose: turn for turn in event.turns if turn.prose}.values())
        if len(drafts) < 2:
            self._places.append(place)  # tried once more, later
            self._bear(UsageError("The model writes nothing to choose between.", "Try another."))
            return
        self.failure, self._failures = "", 0
        group = self._groups = self._groups + 1
        self._pool[group] = (place, drafts)
        self._contrast.add(group, [traits(turn.prose) for turn in drafts])
        self._show_next()

    def _met(self, place: Place, drafts: list[Finished]) -> None:
        """Two passages of a contest: shown where they differ and there is something to read."""
        self.failure, self._failures = "", 0
        written = [turn for turn in drafts if turn.prose.strip()]
        if len({turn.prose.strip() for turn in written}) == 2:
            self._show(place, drafts)
            return
        self.unshown.append(written[0] if len(written) == 1 else None)
        self.total -= 1
        self._tasting.tell(PairReady())  # perhaps the round is over now

    def _show_next(self) -> None:
        """Of all drafts that wait, show the two that tell most; only those are kept."""
        if self._ready or self.stopped or (chosen := self._contrast.next()) is None:
            return
        group, i, j = chosen
        place, drafts = self._pool.pop(group)
        try:
            self._show(place, [drafts[i], drafts[j]])
        except TalecraftError as error:
            self._give_up(error)

    def _show(self, place: Place, drafts: list[Finished]) -> None:
        try:
            # The lot falls before they are numbered: no turn's id says whose it is.
            a, b = self._tasting.keep(place, self._dice.sample(drafts, 2))
        except TalecraftError:
            self._places.appendleft(place)
            raise
        self._ready.append(Pair(place.before, a, b))
        self._tasting.tell(PairReady())

    def _bear(self, error: TalecraftError) -> None:
        """Raise `error` when it is one too many in a row: an engine that died is back soon."""
        self._failures += 1
        if self._failures >= _PATIENCE:
            raise error

    def _give_up(self, error: TalecraftError) -> None:
        if not self.failure:
            self._tasting.tell(RoundFailed(error.message, error.hint))
        self.failure = str(error)

    def _ask_ahead(self) -> None:
        coming = self.waiting + sum(map(len, self._asked.values()))
        if self.failure or self.stopped or coming >= AHEAD:
            return
        try:
            # A comparison changes adapters with each request: it asks for all at once.
            self._ask(AHEAD if self._contest is None else len(self._places))
        except TalecraftError as error:
            self._give_up(error)

    def _ask(self, count: int) -> None:
        asked = [self._places.popleft() for _ in range(min(count, len(self._places)))]
        if not asked:
            return
        try:
            request = self._tasting.ask(asked, self._dice, self._contest)
        except BaseException:
            self._places.extendleft(reversed(asked))
            raise
        self._asked[request] = dict(enumerate(asked))


def _lines(pair: Pair, verdict: Verdict, tags: tuple[str, ...]) -> list[Feedback]:
    """A verdict as lines of the log."""
    a, b = pair.a.id, pair.b.id
    if verdict == "neither":
        return [Feedback(0, turn_id, "thumb", -1, tags=tags) for turn_id in (a, b)]
    winner, other = (b, a) if verdict == "b" else (a, b)
    value = 0 if verdict == "=" else 1
    return [Feedback(0, winner, "choice", value, tags=tags, others=(other,))]
