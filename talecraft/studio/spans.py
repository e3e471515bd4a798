"""Another text for a span of a passage, or one at the cursor: some are drafted, and what leads best
to what follows is shown first.

Drafts are trials: on disk with their exact record, in no branch. What the writer takes becomes
part of an edit; that it was taken and others, which were seen, were not, is an opinion.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import msgspec

from talecraft.errors import LibraryError, UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Drafted, DraftsOver, Failed, Middle
from talecraft.story import spans
from talecraft.story.clean import clean
from talecraft.story.context import PromptStyle
from talecraft.story.feedback import Feedback
from talecraft.story.spans import How, Place
from talecraft.story.turns import Turn
from talecraft.story.words import words
from talecraft.studio.awaited import Awaited
from talecraft.studio.events import Listener, Proposal, SpanFailed, SpanReady
from talecraft.studio.recent import in_the_midst
from talecraft.studio.writing import Prompting

DRAFTS = 4
TAGS = ("span",)
_NEAR = 400  # characters of what follows: more than are looked at


class _Asked(msgspec.Struct, frozen=True):
    request: int
    turn: Turn
    how: How
    here: Place
    begun: str


class Spans:
    """One span at a time. `numbers` gives requests that no other asker of drafts uses; `score`
    appends feedback (see Writing.score_many)."""

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
        self._tell = tell
        self._prompting = prompting
        self._score = score
        self._numbers = numbers
        self._awaited = Awaited[_Asked](engine)

    def ask(
        self, turn_id: int, text: str, start: int, end: int, how: How, seed: int | None = None
    ) -> int:
        """Another text for the characters from `start` to `end` of `text`, which is what the
        writer has made of this passage; what was asked before is given up. It arrives as
        `SpanReady` with the number returned.

        Raises UsageError for an empty span, EngineError where no model is loaded.
        """
        parts = spans.place(text, start, end)
        here = Place(clean(parts.before), clean(parts.span), clean(parts.after))
        if how != "insert" and not words(here.span):
            raise UsageError("Select some words first.", "Shift and the arrows select.")
        turn = self._library.stories.turn(turn_id)
        story = self._library.stories.get(turn.story_id)
        model, writing = self._prompting(story)
        shown, begun = in_the_midst(self._library, story, turn.parent_id, model, how, here)
        plan = turn.outline if how == "insert" else spans.plan(how, here.span)
        tokens = min(spans.budget(how, here), model.context_length // 4)
        sampling = msgspec.structs.replace(writing.sampling(0), prose_tokens=tokens)
        dice = random.Random(seed)
        count = DRAFTS if writing.temperature > 0 else 1
        seeds = [dice.getrandbits(31) for _ in range(count)]
        whole = here.whole or how in ("expand", "describe")
        middle = Middle(plan, begun, self._following(turn, here, model.style), whole)
        asked = _Asked(next(self._numbers), turn, how, here, begun)
        draft = Draft(asked.request, model.key, [shown], sampling, [seeds], middle=middle)
        return self._awaited.ask(draft, asked)

    def stop(self) -> None:
        """Whatever is being drafted is wanted no more."""
        self._awaited.give_up()

    def settle(self, event: Drafted | DraftsOver | Failed) -> None:
        """Put on disk what came, and tell of it."""
        asked = self._awaited.answered(event.request)
        if asked is None:
            return
        match event:
            case Drafted():
                self._keep(asked, event)
            case DraftsOver():
                self._fail(asked, "")
            case Failed():
                self._fail(asked, event.message, event.hint)

    def take(self, taken: Proposal, passed_over: Sequence[Proposal]) -> None:
        """The writer goes on with one proposal and has seen the others. Raises LibraryError."""
        others = tuple(dict.fromkeys(one.turn.id for one in passed_over))
        if others:
            self._score([Feedback(0, taken.turn.id, "choice", 1, tags=TAGS, others=others)])

    # ------------------------------------------------------------------ inside
    def _following(self, turn: Turn, here: Place, style: PromptStyle) -> str:
        """What comes after the draft: the rest of the passage, and of the next one that is read."""
        rest = here.after.rstrip()
        text = f" {rest}" if rest[:1].isalnum() else rest
        leaf = self._library.stories.get(turn.story_id).leaf_id
        path = self._library.stories.path(leaf)
        ids = [one.id for one in path]
        at = ids.index(turn.id) + 1 if turn.id in ids else len(path)
        if len(text) < _NEAR and at < len(path) and path[at].prose.strip():
            text += f"\n{style.story_open}{path[at].prose.strip()}"
        return text[:_NEAR]

    def _keep(self, asked: _Asked, event: Drafted) -> None:
        drafts = [one for one in event.ranked if len(one.prose) > len(asked.begun.strip())]
        try:
            trials = self._library.stories.add_trials(
                asked.turn.story_id,
                asked.turn.parent_id,
                "",
                [(one.prose, one.outline, one.generation) for one in drafts],
            )
        except LibraryError as error:
            self._fail(asked, error.message, error.hint)
            return
        proposals: dict[str, Proposal] = {}
        for trial in trials:
            written = spans.added(trial.prose, asked.begun)
            text = spans.fitted(asked.how, asked.here, written)
            if text.strip() and text.strip() != asked.here.span:
                proposals.setdefault(text.strip(), Proposal(trial, text))
        if not proposals:
            self._fail(asked, "The model wrote nothing else.", "Try again.")
            return
        ready = SpanReady(asked.request, asked.turn.story_id, list(proposals.values()))
        self._tell(ready)

    def _fail(self, asked: _Asked, message: str, hint: str = "") -> None:
        self._tell(SpanFailed(asked.request, asked.turn.story_id, message, hint))
