"""What the model is shown for the next passage, and was shown for those that are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Examine, Examined, Failed
from talecraft.story.clean import clean
from talecraft.story.turns import LeftOut
from talecraft.studio.awaited import Awaited
from talecraft.studio.events import Listener, PromptFailed, PromptRead
from talecraft.studio.recent import shown
from talecraft.studio.writing import Prompting


class _Asked(msgspec.Struct, frozen=True):
    turn_id: int | None
    left_out: Sequence[LeftOut] = ()


class Looking:
    """One look at a prompt at a time: a new one gives up the one before. `numbers` gives requests
    that no other asker uses."""

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

    def ahead(self, story_id: int, text: str = "") -> int:
        """Ask what the next passage would be prompted with, after `text` of the writer's; it comes
        as `PromptRead` with the number returned.

        Raises UsageError where there is no such story, EngineError where no model is loaded.
        """
        stories = self._library.stories
        story, base = stories.get(story_id), stories.base(story_id)
        model, writing = self._prompting(story)
        text = clean(text).strip()
        waits = story.leaf_id is not None and base != story.leaf_id and not text
        outline = stories.turn(story.leaf_id).outline if waits and story.leaf_id else ""
        blocks = shown(self._library, story, base, model, text)
        examine = Examine(next(self._numbers), model.key, blocks, writing.sampling(0), outline)
        return self._awaited.ask(examine, _Asked(None))

    def back(self, turn_id: int) -> int:
        """The same of a passage that is written: what it was prompted with.

        Raises UsageError where that is not known, or another model has written it.
        """
        turn = self._library.stories.turn(turn_id)
        made = turn.generation
        if made is None:
            raise UsageError("This passage is your own: the model was shown nothing for it.")
        model, _ = self._prompting()
        if f"{made.model_id}@{made.revision}" != model.key:
            raise UsageError(
                f"This passage was written by {made.model_id}, and another model writes now.",
                "Choose that one on the models screen.",
            )
        examine = Examine(
            next(self._numbers), model.key, [], made.sampling, "", made.prompt_ids, made.shown
        )
        return self._awaited.ask(examine, _Asked(turn_id, made.left_out))

    def stop(self) -> None:
        """Nobody waits for the last look any more."""
        self._awaited.give_up()

    def settle(self, event: Examined | Failed) -> None:
        """Tell of what came, if it is still waited for."""
        asked = self._awaited.answered(event.request)
        if asked is None or event.request is None:
            return
        if isinstance(event, Failed):
            self._tell(PromptFailed(event.request, event.message, event.hint))
            return
        left = event.left_out if asked.turn_id is None else asked.left_out
        self._tell(PromptRead(event.request, asked.turn_id, event.stretches, left, event.budget))
