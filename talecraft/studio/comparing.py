"""The blind trial: which of two adapters writes better, said without knowing which is which."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from talecraft.errors import AdapterError, UsageError
from talecraft.library.adapters import Adapter
from talecraft.story.turns import Generation
from talecraft.studio.rounds import Contest, Round

if TYPE_CHECKING:
    from talecraft.studio.studio import Studio

PAIRS = 10
BARE = "none"
_SURE = 0.05


class Tally(msgspec.Struct, frozen=True):
    """How often each was the better one; `equal` counts ties and pairs of which neither pleased."""

    first: int
    second: int
    equal: int

    @property
    def leader(self) -> int | None:
        """0 or 1 for the one that was chosen more often, None where neither was."""
        if self.first == self.second:
            return None
        return 0 if self.first > self.second else 1

    @property
    def p(self) -> float:
        """How often a coin would favour either side so often or more: the sign test, two-sided,
        for which of the two leads is only seen afterwards; ties left out (Dixon and Mood, 1946)."""
        chosen = self.first + self.second
        most = max(self.first, self.second)
        ways = sum(math.comb(chosen, k) for k in range(most, chosen + 1))
        return min(1.0, 2 * ways / float(2**chosen))

    @property
    def words(self) -> str:
        """The verdict in plain words."""
        if self.leader is None:
            return "Neither was chosen more often."
        if self.p <= _SURE:
            return "That is unlikely to be chance."
        return "That may still be chance."


def counted(a_round: Round, names: tuple[str, str], who: Callable[[Generation], str]) -> Tally:
    """The tally of a trial of two that `who` tells apart by these `names`."""
    won = [one.generation for one in a_round.unshown if one is not None]
    for pair, verdict in a_round.verdicts:
        if verdict in ("a", "b"):
            made = (pair.a if verdict == "a" else pair.b).generation
            assert made is not None
            won.append(made)
    first, second = (sum(who(made) == name for made in won) for name in names)
    return Tally(first, second, len(a_round.verdicts) + len(a_round.unshown) - first - second)


class Comparison:
    """One trial. `first` and `second` (None: the bare model) are told to nobody before its end."""

    def __init__(
        self,
        studio: Studio,
        a: str | None = None,
        b: str | None = None,
        story_id: int | None = None,
        pairs: int = PAIRS,
        seed: int | None = None,
    ) -> None:
        """Adapters by id, or how it begins, or `none`. Without `a` the model's newest, without `b`
        what wrote when `a` was trained.

        Raises UsageError where there are no two to compare, AdapterError for one that is damaged
        or another model's, EngineError where no model is loaded.
        """
        self._studio = studio
        self.first = self._adapter(a if a is not None else self._newest())
        if b is None:
            b = (self.first.parent_id if self.first is not None else None) or BARE
        self.second = self._adapter(b)
        names = [name_of(self.first), name_of(self.second)]
        if names[0] == names[1]:
            raise UsageError("An adapter cannot be compared with itself.", "Name two.")
        contest = Contest(
            (studio.adapter_ref(self.first), studio.adapter_ref(self.second)),
            ("compare", f"A:{names[0]}", f"B:{names[1]}"),
        )
        self.round: Round = studio.tasting.begin(story_id, pairs, seed, contest)

    @property
    def tally(self) -> Tally:
        names = name_of(self.first), name_of(self.second)
        return counted(self.round, names, lambda made: made.adapter_id or BARE)

    @property
    def whole(self) -> bool:
        """Was every pair judged? One verdict of a trial that was broken off decides nothing."""
        return self.round.judged == self.round.total

    @property
    def writes_already(self) -> bool:
        """Is the one that was chosen more often what writes anyway?"""
        active = self._studio.library.adapters.active(self._studio.model.id)
        return self.tally.leader is not None and name_of(self.winner) == name_of(active)

    @property
    def winner(self) -> Adapter | None:
        """The one that was chosen more often; UsageError where there is none."""
        leader = self.tally.leader
        if leader is None:
            raise UsageError("Neither was chosen more often.", "Compare them once more.")
        return (self.first, self.second)[leader]

    def adopt(self) -> Adapter | None:
        """Write with the winner from now on, whatever its test has said of it.

        Raises UsageError where there is no winner or not all was judged, AdapterError for a
        damaged one.
        """
        winner = self.winner
        if not self.whole:
            judged, total = self.round.judged, self.round.total
            raise UsageError(
                f"Only {judged} of {total} pairs were judged: that decides nothing yet.",
                "Compare them once more, to the end.",
            )
        return self._studio.use_adapter(winner.id if winner is not None else None, overrule=True)

    def _newest(self) -> str:
        found = self._studio.library.adapters.list(self._studio.model.id)
        if not found:
            raise UsageError(
                "There is no adapter to compare yet.", "Training makes one: score, then train."
            )
        return found[-1].id

    def _adapter(self, name: str) -> Adapter | None:
        if name == BARE:
            return None
        adapter = self._studio.usable(name)
        if adapter.model_id != self._studio.model.id:
            raise AdapterError(
                f"Adapter {adapter.id} was made for {adapter.model_id}, not"
                f" {self._studio.model.id}.",
                f"Compare it with that model: --model {adapter.model_id}.",
            )
        return adapter


def name_of(adapter: Adapter | None) -> str:
    """An id, or `none` for the bare model."""
    return adapter.id if adapter is not None else BARE


def unshown_words(a_round: Round) -> str:
    """Why fewer pairs were shown than were drafted."""
    number = len(a_round.unshown)
    pairs = "1 pair was" if number == 1 else f"{number} pairs were"
    return f"{pairs} not shown: both passages were the same, or one was empty and lost."
