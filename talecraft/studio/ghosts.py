"""A ghost: how the sentence that the writer is at might go on, shown after the cursor.

Nothing of it is kept. What the writer takes is theirs from then on, as if they had typed it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import msgspec

from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Drafted, DraftsOver, Failed, Middle
from talecraft.story import spans
from talecraft.story.clean import clean
from talecraft.story.spans import Place
from talecraft.studio.awaited import Awaited
from talecraft.studio.events import GhostFailed, GhostReady, Listener
from talecraft.studio.recent import in_the_midst
from talecraft.studio.writing import Prompting

TOKENS = 10  # after so many it ends with its sentence
AHEAD = 3  # ghosts to choose from where the text goes on after the cursor


class _Asked(msgspec.Struct, frozen=True):
    request: int
    story_id: int
    here: Place
    begun: str


class Ghosts:
    """One ghost at a time. `base` gives the turn that new text of a story follows, `numbers`
    requests that no other asker of drafts uses."""

    def __init__(
        self,
        library: Library,
        engine: EngineClient,
        tell: Listener,
        prompting: Prompting,
        base: Callable[[int], int | None],
        numbers: Iterator[int],
    ) -> None:
        self._library = library
        self._tell = tell
        self._prompting = prompting
        self._base = base
        self._numbers = numbers
        self._awaited = Awaited[_Asked](engine)

    def ask(self, story_id: int, before: str, after: str = "", seed: int | None = None) -> int:
        """How what is being written at the story's end goes on between `before` and `after`; what
        was asked before is given up. It arrives as `GhostReady` with the number returned.

        Raises EngineError where no model is loaded.
        """
        here = Place(clean(before), "", clean(after))
        story = self._library.stories.get(story_id)
        model, writing = self._prompting(story)
        base = self._base(story_id)
        shown, begun = in_the_midst(self._library, story, base, model, "insert", here)
        rest = here.after.strip()
        count = AHEAD if rest and writing.temperature > 0 else 1
        dice = random.Random(seed)
        seeds = [dice.getrandbits(31) for _ in range(count)]
        sampling = msgspec.structs.replace(writing.sampling(0), prose_tokens=TOKENS)
        middle = Middle(prose=begun, following=f" {rest}" if rest else "")
        asked = _Asked(next(self._numbers), story_id, here, begun)
        draft = Draft(asked.request, model.key, [shown], sampling, [seeds], middle=middle)
        return self._awaited.ask(draft, asked)

    def stop(self) -> None:
        """Whatever is being thought of is wanted no more."""
        self._awaited.give_up()

    def settle(self, event: Drafted | DraftsOver | Failed) -> None:
        """Tell of what came."""
        asked = self._awaited.answered(event.request)
        if asked is None:
            return
        text = ""
        if isinstance(event, Drafted) and event.turns:
            written = spans.added(event.ranked[0].prose, asked.begun)
            text = spans.fitted("insert", asked.here, spans.paused(written))
        if text.strip():
            self._tell(GhostReady(asked.request, asked.story_id, text))
        elif isinstance(event, Failed):
            self._tell(GhostFailed(asked.request, asked.story_id, event.message, event.hint))
        else:
            self._tell(GhostFailed(asked.request, asked.story_id, "The model has no more to say."))
