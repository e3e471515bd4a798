"""The taste round: pairs of short passages, drafted ahead of a reader who says which is better."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import msgspec

from talecraft.config.assets import reference
from talecraft.errors import EngineError, UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Drafted, DraftsOver, Failed, Finished
from talecraft.story import context
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Sampling, Story, Turn
from talecraft.studio.bouts import Bout
from talecraft.studio.events import Listener, PairReady, RoundFailed
from talecraft.studio.rounds import DRAFTS, Contest, Place, Round
from talecraft.studio.writing import Prompting

PAIRS = 24  # a round's choices, some three minutes
_OUTLINE_TOKENS, _PROSE_TOKENS = 24, 40


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
        last = cuts.pop()
        dice.shuffle(cuts)
        own = [
            Place(story, tuple(path[:n]), library.notes.at(story_id, path[n - 1].id if n else None))
            for n in [last, *cuts][: (pairs + 1) // 2]
        ]
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
    """Drafts pairs and keeps them. One round at a time; `score` appends feedback (see Writing),
    `numbers` gives requests that no other asker uses."""

    def __init__(
        self,
        library: Library,
        engine: EngineClient,
        tell: Listener,
        prompting: Prompting,
        score: Callable[[list[Feedback]], list[Feedback]],
        numbers: Iterator[int],
    ) -> None:
        self._library = library
        self._engine = engine
        self._tell = tell
        self._prompting = prompting
        self._score = score
        self._round: Round | None = None
        self._bout: Bout | None = None
        self._numbers = numbers

    def begin(
        self,
        story_id: int | None = None,
        pairs: int = PAIRS,
        seed: int | None = None,
        contest: Contest | None = None,
    ) -> Round:
        """Start a round; its pairs arrive as `PairReady`. `seed` decides what is asked, and where.

        Without a `contest` both passages of a pair are by what writes now.

        Raises UsageError for an unknown story or settings that give no two drafts, EngineError
        where no model is loaded.
        """
        self.stop()
        _, writing = self._prompting()
        if writing.temperature == 0 and contest is None:
            raise UsageError(
                "At temperature 0 the model writes the same twice: there is nothing to choose.",
                "Raise temperature under [writing] in config.toml.",
            )
        self._bout = None
        if contest is not None and contest.sides is not None:
            self._bout = Bout(self._engine, self._numbers, contest.sides)
        dice = random.Random(seed)
        where = places(self._library, story_id, pairs, dice)
        self._round = Round(self, where, dice, contest)
        self._round.go_on()
        return self._round

    def settle(self, event: Drafted | DraftsOver | Failed) -> None:
        """Put on disk what the engine has drafted, and ask for more."""
        a_round, bout = self._round, self._bout  # read once: another thread may end the round
        if a_round is None:
            return
        if bout is None:
            a_round.settle(event)
        elif (told := self._told(bout, event)) is not None:
            a_round.settle(told)

    @staticmethod
    def _told(
        bout: Bout, event: Drafted | DraftsOver | Failed
    ) -> Drafted | DraftsOver | Failed | None:
        """What the round hears of it."""
        try:
            return bout.settle(event)
        except EngineError as error:
            return bout.settle(Failed(event.request, error.message, error.hint))

    def stop(self) -> None:
        """End the round, if there is one; what was chosen stays."""
        a_round, self._round = self._round, None
        if a_round is not None:
            a_round.stop()

    # ------------------------------------------------------------------ what a round needs
    def ask(self, asked: list[Place], dice: random.Random, contest: Contest | None) -> int:
        """Raises EngineError."""
        seeds = [[dice.getrandbits(31) for _ in range(DRAFTS)] for _ in asked]
        if self._bout is not None:
            where = [(one.story, one.path, one.notes) for one in asked]
            return self._bout.ask(where, [seed for seed, *_ in seeds])
        if contest is not None:
            seeds = [[seed, seed] for seed, *_ in seeds]
        model, writing = self._prompting()
        page = writing.sampling(0)
        request = next(self._numbers)
        self._engine.generate(
            Draft(
                request,
                model.key,
                [
                    context.blocks(one.story, one.path, model.style, model.key, one.notes)
                    for one in asked
                ],
                short(page),
                seeds,
                list(contest.adapters) if contest is not None else [],
            )
        )
        return request

    def cancel(self, request: int) -> None:
        if self._bout is not None:
            self._bout.cancel()
        else:
            self._engine.cancel(request)

    def keep(self, place: Place, drafts: list[Finished]) -> list[Turn]:
        """Raises LibraryError."""
        return list(
            self._library.stories.add_trials(
                place.story.id or None,
                place.path[-1].id if place.path else None,
                place.story.premise,
                [(turn.prose, turn.outline, turn.generation) for turn in drafts],
            )
        )

    def score(self, lines: list[Feedback]) -> None:
        self._score(lines)

    def tell(self, event: PairReady | RoundFailed) -> None:
        self._tell(event)


def short(page: Sampling) -> Sampling:
    """The page's sampling with a draft's budgets."""
    return msgspec.structs.replace(
        page,
        outline_tokens=min(page.outline_tokens, _OUTLINE_TOKENS),
        prose_tokens=min(page.prose_tokens, _PROSE_TOKENS),
    )
