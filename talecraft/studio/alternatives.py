"""Several versions of one passage, written side by side for a choice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from talecraft.errors import LibraryError, UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Drafted, DraftsOver, Failed, Finished
from talecraft.studio.awaited import Awaited
from talecraft.studio.events import AlternativesFailed, AlternativesReady, Listener
from talecraft.studio.recent import shown
from talecraft.studio.writing import Prompting

FEWEST, MOST = 2, 4


class _Asked(msgspec.Struct, frozen=True):
    story_id: int
    parent_id: int | None
    beside: int | None  # the version that is there already


class Alternatives:
    """One set at a time. `numbers` gives requests that no other asker of drafts uses. What is
    chosen goes through Branching.choose."""

    def __init__(
        self,
        library: Library,
        engine: EngineClient,
        tell: Listener,
        prompting: Prompting,
        numbers: Iterator[int],
    ) -> None:
        self._library = library
        self._tell = tell
        self._prompting = prompting
        self._numbers = numbers
        self._awaited = Awaited[_Asked](engine)

    @property
    def waiting(self) -> int | None:
        """The story that versions are being written for."""
        asked = self._awaited.about
        return asked.story_id if asked is not None else None

    def ask(self, story_id: int, count: int = 3, seed: int | None = None) -> int:
        """Write `count` versions, 2 to 4, of what comes next; where the model has written last,
        beside it, and that version counts as one of them. They arrive as `AlternativesReady`.

        Raises UsageError at temperature 0 or while versions are being written already, EngineError
        where no model is loaded.
        """
        story = self._library.stories.get(story_id)
        model, writing = self._prompting(story)
        if writing.temperature == 0:
            raise UsageError(
                "At temperature 0 the model writes the same every time.",
                "Raise it in the settings, or choose another preset.",
            )
        parent, beside = story.leaf_id, None
        if parent is not None:
            leaf = self._library.stories.turn(parent)
            if leaf.author == "model":
                parent, beside = leaf.parent_id, leaf.id if leaf.prose else None
        dice = random.Random(seed)
        missing = max(1, min(MOST, max(FEWEST, count)) - (beside is not None))
        draft = Draft(
            next(self._numbers),
            model.key,
            [shown(self._library, story, parent, model)],
            writing.sampling(0),
            [[dice.getrandbits(31) for _ in range(missing)]],
        )
        asked = _Asked(story_id, parent, beside)
        return self._awaited.ask(draft, asked, busy="Other versions are being written.")

    def stop(self) -> None:
        """Write no more of them."""
        self._awaited.cancel()

    def settle(self, event: Drafted | DraftsOver | Failed) -> None:
        """Put on disk what came, and tell of it."""
        asked = self._awaited.answered(event.request)
        if asked is None:
            return
        match event:
            case Drafted():
                self._keep(asked, event.turns)
            case DraftsOver():
                self._tell(AlternativesFailed(asked.story_id, ""))
            case Failed():
                self._tell(AlternativesFailed(asked.story_id, event.message, event.hint))

    def _keep(self, asked: _Asked, drafts: Sequence[Finished]) -> None:
        stories = self._library.stories
        try:
            with self._library.transaction():
                turns = [
                    stories.add_turn(
                        asked.story_id, asked.parent_id, "model", one.prose, one.outline,
                        one.generation, open_it=False,
                    )
                    for one in drafts
                    if one.prose
                ]  # fmt: skip
        except LibraryError as error:
            self._tell(AlternativesFailed(asked.story_id, error.message, error.hint))
            return
        if asked.beside is not None:
            first, read = stories.turn(asked.beside), stories.path(asked.beside)[-1]
            turns.insert(0, replace(first, prose=read.prose, revision=read.revision))
        if not turns:
            self._tell(AlternativesFailed(asked.story_id, "The model wrote nothing.", "Try again."))
            return
        self._tell(AlternativesReady(asked.story_id, turns))
