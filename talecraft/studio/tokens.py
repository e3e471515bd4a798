"""A passage token by token: how likely each was, what else might have stood there, and another
version from any of them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from talecraft.errors import TalecraftError, UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import (
    AdapterRef,
    Begun,
    Failed,
    ModelRef,
    Probe,
    Probed,
    TokenOdds,
)
from talecraft.story.context import PromptStyle
from talecraft.story.turns import Generation, Turn
from talecraft.studio.awaited import Awaited
from talecraft.studio.events import Listener, TokensFailed, TokensRead
from talecraft.studio.writing import Writing

TOP = 8  # alternatives of each token


class Tokens:
    """One look at a time: a new one stops the one before. `adapter` gives one that is still there,
    by its id, and raises a TalecraftError for any other."""

    def __init__(
        self,
        library: Library,
        engine: EngineClient,
        tell: Listener,
        writing: Writing,
        model: Callable[[], ModelRef],
        adapter: Callable[[str], AdapterRef | None],
        numbers: Iterator[int],
    ) -> None:
        self._library = library
        self._tell = tell
        self._writing = writing
        self._model = model
        self._adapter = adapter
        self._numbers = numbers
        self._awaited = Awaited[Turn](engine)

    def look(self, turn_id: int) -> int:
        """Ask for the tokens of a passage as it was written; they arrive as `TokensRead`.

        With the adapter that wrote it where that is still there, else with what writes now; the
        event says which. Raises UsageError where there is no record of this model's.
        """
        turn = self._library.stories.turn(turn_id)
        made = self._record(turn)
        adapter, active = None, False
        if made.adapter_id is not None:
            try:
                adapter = self._adapter(made.adapter_id)
            except TalecraftError:
                active = True
        probe = Probe(
            next(self._numbers), self._model().key, made.prompt_ids, made.response_ids, adapter,
            active, TOP,
        )  # fmt: skip
        return self._awaited.ask(probe, turn)

    def stop(self) -> None:
        """Nobody waits for the last look any more."""
        self._awaited.give_up()

    def reroll(
        self, turn_id: int, position: int, token_id: int | None = None, seed: int | None = None
    ) -> int:
        """Another version of a passage, the same to the token before `position`; there stands
        `token_id`, None: what is drawn. Returns the number of a request of the page's.

        Raises UsageError where there is no record of this model's, or no such position.
        """
        turn = self._library.stories.turn(turn_id)
        made = self._record(turn)
        if not 0 < position < len(made.response_ids):
            raise UsageError(f"Passage {turn_id} has no token {position} to begin again from.")
        kept = made.response_ids[:position]
        begun = Begun(self._model().key, kept, made.prose_start, token_id)
        return self._writing.begin_with(turn, begun, seed)

    def settle(self, event: Probed | Failed) -> None:
        """Tell of what came, if it is still waited for."""
        turn = self._awaited.answered(event.request)
        if turn is None:
            return
        if isinstance(event, Failed):
            self._tell(TokensFailed(turn.id, event.message, event.hint))
            return
        begins = _after_opening(event.tokens, self._model().style, turn)
        edited = self._library.branches.shown(turn.id) != 0
        self._tell(TokensRead(turn, event.tokens, begins, event.adapter_id, edited))

    def _record(self, turn: Turn) -> Generation:
        if turn.author != "model":
            raise UsageError("These are your own words.", "Choose a passage of the model's.")
        made = turn.generation
        if made is None or not made.response_ids or not made.prompt_ids:
            raise UsageError("There is no record of how this passage was written.")
        if f"{made.model_id}@{made.revision}" != self._model().key:
            raise UsageError(
                f"This passage was written by {made.model_id}, and another model writes now.",
                "Choose that one on the models screen.",
            )
        return made


def _after_opening(tokens: Sequence[TokenOdds], style: PromptStyle, turn: Turn) -> int:
    """The first token that says something: before it stands the tag that opens every turn."""
    opening, text = style.think_open if turn.outline else style.story_open, ""
    for at, token in enumerate(tokens):
        if len(text) >= len(opening) or not opening.startswith(text):
            return at if len(text) >= len(opening) else 0
        text += token.text
    return 0
