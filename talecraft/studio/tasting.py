"""The taste round: pairs of short passages, drafted ahead of a reader who says which is better."""

from __future__ import annotations

import itertools
import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Literal

import msgspec

from talecraft.config.assets import reference
from talecraft.errors import TalecraftError, UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Drafted, DraftsOver, Failed
from talecraft.story import context
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Sampling, Story, Turn
from talecraft.studio.events import Listener, PairReady, RoundFailed
from talecraft.studio.writing import Prompting

Verdict = Literal["a", "b", "=", "neither"]
PAIRS = 24  # a round's choices, some three minutes
AHEAD = 4  # pairs that are ready, or being written, beyond the one that is read
_OUTLINE_TOKENS, _PROSE_TOKENS = 24, 40
_PATIENCE = 3  # times in a row that drafting may fail
TAGS = ("taste",)
_BEFORE = 2000  # characters of the text before a pair: more than any screen shows


class Place(msgspec.Struct, frozen=True):
    """Where a pair is written: after `path` in `story`, which has the id 0 where it is new."""

    story: Story
    path: tuple[Turn, ...] = ()

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


def passage(turn: Turn) -> str:
    """A draft as it is read: with a mark where its budget ended it within a sentence."""
    made = turn.generation
    cut = made is not None and made.stop_reason != "end"
    prose = turn.prose.rstrip()
    return f"{prose} …" if cut and not prose.endswith(tuple(".!?…\"'”’)")) else prose


def places(library: Library, story_id: int | None, pairs: int, dice: random.Random) -> list[Place]:
    """Where `pairs` pairs are written: every other one in the story, as far as it has places, its
    open end first; the rest after the shipped first lines.

    Raises UsageError for an unknown story.
    """
    own: list[Place] = []
    if story_id is not None:
        story = library.stories.get(story_id)
        path = library.stories.tree(story_id).path(story.leaf_id)
        # After a plan that was stopped before its prose there is nothing to go on from.
        cuts = [n for n in range(len(path) + 1) if n == 0 or path[n - 1].prose]
        own = [Place(story, tuple(path[:n])) for n in cuts]
        last = own.pop()
        dice.shuffle(own)
        own = [last, *own][: (pairs + 1) // 2]
    lines = reference("prompt")
    fresh = [
        Place(Story(0, "", line, None, "", ""))
        for _ in range(pairs // len(lines) + 1)
        for line in dice.sample(lines, len(lines))
    ]
    found: list[Place] = []
    for ours, new in itertools.zip_longest(own, fresh):
        found += [ours, new] if ours is not None else [new]
    return found[:pairs]


class Tasting:
    """Drafts pairs and keeps them. One round at a time; `score` appends feedback (see Writing)."""

    def __init__(
        self,
        library: Library,
        engine: EngineClient,
        tell: Listener,
        prompting: Prompting,
        score: Callable[[list[Feedback]], list[Feedback]],
    ) -> None:
        self._library = library
        self._engine = engine
        self._tell = tell
        self._prompting = prompting
        self._score = score
        self._round: Round | None = None
        # Counted downwards: these never meet the numbers of the page's requests.
        self._numbers = itertools.count(-1, -1)

    def begin(
        self, story_id: int | None = None, pairs: int = PAIRS, seed: int | None = None
    ) -> Round:
        """Start a round; its pairs arrive as `PairReady`. `seed` decides what is asked, and where.

        Raises UsageError for an unknown story or settings that give no two drafts, EngineError
        where no model is loaded.
        """
        self.stop()
        _, writing = self._prompting()
        if writing.temperature == 0:
            raise UsageError(
                "At temperature 0 the model writes the same twice: there is nothing to choose.",
                "Raise temperature under [writing] in config.toml.",
            )
        dice = random.Random(seed)
        self._round = Round(self, places(self._library, story_id, pairs, dice), dice)
        self._round.go_on()
        return self._round

    def settle(self, event: Drafted | DraftsOver | Failed) -> None:
        """Put on disk what the engine has drafted, and ask for more."""
        if self._round is not None:
            self._round.settle(event)

    def stop(self) -> None:
        """End the round, if there is one; what was chosen stays."""
        if self._round is not None:
            self._round.stop()
            self._round = None

    # ------------------------------------------------------------------ what a round needs
    def ask(self, asked: list[Place], dice: random.Random) -> int:
        """Raises EngineError."""
        model, writing = self._prompting()
        page = writing.sampling(0)
        request = next(self._numbers)
        self._engine.generate(
            Draft(
                request,
                model.key,
                [context.blocks(one.story, one.path, model.style, model.key) for one in asked],
                _short(page),
                [[dice.getrandbits(31), dice.getrandbits(31)] for _ in asked],
            )
        )
        return request

    def cancel(self, request: int) -> None:
        self._engine.cancel(request)

    def keep(self, place: Place, drafted: Drafted) -> list[Turn]:
        """Raises LibraryError."""
        return list(
            self._library.stories.add_trials(
                place.story.id or None,
                place.path[-1].id if place.path else None,
                place.story.premise,
                [(turn.prose, turn.outline, turn.generation) for turn in drafted.turns],
            )
        )

    def score(self, lines: list[Feedback]) -> None:
        self._score(lines)

    def tell(self, event: PairReady | RoundFailed) -> None:
        self._tell(event)


def _short(page: Sampling) -> Sampling:
    """The page's sampling with a draft's budgets."""
    return msgspec.structs.replace(
        page,
        outline_tokens=min(page.outline_tokens, _OUTLINE_TOKENS),
        prose_tokens=min(page.prose_tokens, _PROSE_TOKENS),
    )


class Round:
    """One sitting. Drafts arrive on the engine's thread, choices on the reader's."""

    def __init__(self, tasting: Tasting, where: list[Place], dice: random.Random) -> None:
        self.total = len(where)
        self.failure = ""  # why no more pairs come, until `go_on` is asked for
        self.stopped = False
        self._tasting = tasting
        self._dice = dice
        self._lock = threading.RLock()
        self._places = deque(where)
        self._asked: dict[int, dict[int, Place]] = {}  # by request: what has not come yet
        self._ready: deque[Pair] = deque()
        self._judged: list[tuple[Pair, list[Feedback]]] = []
        self._failures = 0

    # ------------------------------------------------------------------ the reader's side
    @property
    def pair(self) -> Pair | None:
        """What is to be judged now; None while it is written, and at the end."""
        return self._ready[0] if self._ready and not self.stopped else None

    @property
    def judged(self) -> int:
        return len(self._judged)

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
            lines = _lines(pair, verdict)
            self._tasting.score(lines)
            self._ready.popleft()
            self._judged.append((pair, lines))
            self._ask_ahead()

    def undo(self) -> bool:
        """Take back the last choice and show its pair again; False where there is none."""
        with self._lock:
            if not self._judged or self.stopped:
                return False
            pair, lines = self._judged[-1]
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
            if not self._ready and not self._asked and not self.stopped:
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
        texts = {turn.prose for turn in event.turns}
        if len(texts) < len(event.turns) or "" in texts:
            self._places.append(place)  # tried once more, later
            self._bear(UsageError("The model writes nothing to choose between.", "Try another."))
            return
        try:
            a, b = self._dice.sample(self._tasting.keep(place, event), 2)
        except TalecraftError:
            self._places.appendleft(place)
            raise
        self.failure, self._failures = "", 0
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
        coming = len(self._ready) + sum(map(len, self._asked.values()))
        if self.failure or self.stopped or coming >= AHEAD:
            return
        try:
            self._ask(AHEAD)
        except TalecraftError as error:
            self._give_up(error)

    def _ask(self, count: int) -> None:
        asked = [self._places.popleft() for _ in range(min(count, len(self._places)))]
        if not asked:
            return
        try:
            request = self._tasting.ask(asked, self._dice)
        except BaseException:
            self._places.extendleft(reversed(asked))
            raise
        self._asked[request] = dict(enumerate(asked))


def _lines(pair: Pair, verdict: Verdict) -> list[Feedback]:
    """A verdict as lines of the log."""
    a, b = pair.a.id, pair.b.id
    if verdict == "neither":
        return [Feedback(0, turn_id, "thumb", -1, tags=TAGS) for turn_id in (a, b)]
    winner, other = (b, a) if verdict == "b" else (a, b)
    value = 0 if verdict == "=" else 1
    return [Feedback(0, winner, "choice", value, tags=TAGS, others=(other,))]
