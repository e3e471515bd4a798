"""Another text for a span of a passage, or one at the cursor: some are drafted, and what leads best
to what follows is shown first.

Drafts are trials: on disk with their exact record, in no branch. What the writer takes becomes
part of an edit; that it was taken and others, which were seen, were not, is an opinion.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec

from talecraft.errors import LibraryError, UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Drafted, DraftsOver, Failed, Middle
from talecraft.story import context, spans
from talecraft.story.clean import clean
from talecraft.story.context import Block, PromptStyle
from talecraft.story.feedback import Feedback
from talecraft.story.spans import How, Place
from talecraft.story.turns import Turn
from talecraft.story.words import words
from talecraft.studio.events import Listener, Proposal, SpanFailed, SpanReady
from talecraft.studio.recent import recent
from talecraft.studio.writing import Prompting

DRAFTS = 4
TAGS = ("span",)
_BEGUN = 1200  # characters of the passage that a draft goes on from; what stands before is context
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
        self._engine = engine
        self._tell = tell
        self._prompting = prompting
        self._score = score
        self._numbers = numbers
        self._asked: _Asked | None = None
        self._lock = threading.Lock()

    def ask(
        self, turn_id: int, text: str, start: int, end: int, how: How, seed: int | None = None
    ) -> int:
        """Another text for the characters from `start` to `end` of `text`, which is what the
        writer has made of this passage; what was asked before is given up. It arrives as
        `SpanReady` with the number returned.

        Raises UsageError for an empty span, EngineError where no model is loaded.
        """
        self.stop()
        parts = spans.place(text, start, end)
        here = Place(clean(parts.before), clean(parts.span), clean(parts.after))
        if how != "insert" and not words(here.span):
            raise UsageError("Select some words first.", "Shift and the arrows select.")
        model, writing = self._prompting()
        turn = self._library.stories.turn(turn_id)
        story = self._library.stories.get(turn.story_id)
        path = recent(self._library, turn.parent_id, model.context_length)
        shown = context.blocks(story, path, model.style, model.key)
        head, begun = _cut(spans.begun(how, here))
        if head:
            shown.append(Block(f"{model.style.story_open}{head}\n"))
        if model.style.chat:
            asked_of = f"{shown[0].text.rstrip()}\n\n{spans.instruction(how, here)}"
            shown[0] = Block(asked_of)
        plan = turn.outline if how == "insert" else spans.plan(how, here.span)
        tokens = min(spans.budget(how, here), model.context_length // 4)
        sampling = msgspec.structs.replace(writing.sampling(0), prose_tokens=tokens)
        dice = random.Random(seed)
        count = DRAFTS if writing.temperature > 0 else 1
        seeds = [dice.getrandbits(31) for _ in range(count)]
        whole = here.whole or how in ("expand", "describe")
        middle = Middle(plan, begun, self._following(turn, here, model.style), whole)
        asked = _Asked(next(self._numbers), turn, how, here, begun)
        with self._lock:
            self._asked = asked
        try:
            self._engine.generate(
                Draft(asked.request, model.key, [shown], sampling, [seeds], middle=middle)
            )
        except BaseException:
            self._asked = None
            raise
        return asked.request

    def stop(self) -> None:
        """Whatever is being drafted is wanted no more."""
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is not None:
            self._engine.cancel(asked.request)

    def settle(self, event: Drafted | DraftsOver | Failed) -> None:
        """Put on disk what came, and tell of it."""
        with self._lock:
            asked = self._asked
            if asked is None or event.request != asked.request:
                return
            self._asked = None
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
        fits = event.fits or [0.0] * len(event.turns)
        ranked = sorted(zip(fits, event.turns, strict=True), key=lambda one: -one[0])
        drafts = [one for _, one in ranked if len(one.prose) > len(asked.begun.strip())]
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
            written = clean(trial.prose[len(asked.begun.lstrip()) :])
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


def _cut(begun: str) -> tuple[str, str]:
    """What is only context, and what the draft goes on from, of a beginning that may be long."""
    if len(begun) <= _BEGUN:
        return "", begun.lstrip()
    start = len(begun) - _BEGUN
    for sign in ("\n\n", "\n", " "):
        at = begun.find(sign, start, start + _BEGUN // 2)
        if at >= 0:
            return begun[:at].strip(), begun[at:].lstrip()
    return begun[:start].strip(), begun[start:].lstrip()
