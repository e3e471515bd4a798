"""Writing and scoring: the writer's words are on disk before anything is generated from them."""

from __future__ import annotations

import itertools
import random
import threading
import time
from typing import Literal, Protocol

import msgspec

from talecraft.config.settings import WritingSettings
from talecraft.errors import LibraryError, UsageError
from talecraft.library import Library
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Begun, Failed, Finished, Generate, ModelRef
from talecraft.story import context, feedback
from talecraft.story.clean import clean, clean_line
from talecraft.story.context import Block
from talecraft.story.feedback import Aspect, Feedback, Kind
from talecraft.story.splitting import passages
from talecraft.story.turns import Story, Turn, title_from, word_count
from talecraft.studio.events import Listener, TurnFailed, TurnWritten
from talecraft.studio.recent import shown


class Prompting(Protocol):
    """What writes, and how it draws its words, in `story` or anywhere."""

    def __call__(self, story: Story | None = None) -> tuple[ModelRef, WritingSettings]: ...


class _Pending(msgspec.Struct, frozen=True):
    """What a request will become when it is finished."""

    story_id: int
    parent_id: int | None


class Writing:
    """The use cases of the page. Generation is asked for here and arrives as events."""

    def __init__(
        self, library: Library, engine: EngineClient, tell: Listener, prompting: Prompting
    ) -> None:
        self._library = library
        self._engine = engine
        self._tell = tell
        self._prompting = prompting
        self._numbers = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ stories
    def new_story(self, premise: str, title: str = "") -> Story:
        """Raises UsageError for an empty premise."""
        story = _premise(premise)
        return self._library.stories.create(clean_line(title) or story.title, story.premise)

    def rename(self, story_id: int, title: str) -> None:
        """Raises UsageError for an empty title."""
        title = clean_line(title)
        if not title:
            raise UsageError("A title needs at least one letter.")
        self._library.stories.rename(story_id, title)

    def say(self, story_id: int, text: str) -> Turn | None:
        """Commit the writer's passage and clear the draft with it; None for an empty one."""
        text = clean(text).strip()
        if not text:
            return None
        leaf = self.base(story_id)
        return self._library.stories.add_turn(story_id, leaf, "writer", text, draft="")

    def take_in(self, story_id: int, text: str) -> int:
        """Commit a long text as passages of the writer's own; returns how many words it has."""
        found = list(passages(clean(text).strip()))
        if found:
            self._library.stories.add_passages(story_id, self.base(story_id), found)
        return sum(word_count(one) for one in found)

    def base(self, story_id: int) -> int | None:
        """The turn that new text follows: a plan stopped before its prose has none to follow."""
        return self._library.stories.base(story_id)

    # ------------------------------------------------------------------ the model's turns
    def continue_story(
        self,
        story_id: int,
        text: str = "",
        seed: int | None = None,
        ending: bool = False,
        outline: str | None = None,
        plan_only: bool = False,
    ) -> int:
        """Commit `text`, if any, then ask for the next passage; returns the request's number.

        A plan that stands there without its prose is followed; `outline` is one of the writer's
        own. With `ending` the passage is to bring the story to its end. With `plan_only` only the
        plan is written, instead of one that stands there.
        """
        said = self.say(story_id, text)
        story = self._library.stories.get(story_id)
        parent = story.leaf_id
        if said is None and parent is not None:
            leaf = self._library.stories.turn(parent)
            if leaf.author == "model" and not leaf.prose:
                parent = leaf.parent_id
                outline = leaf.outline if outline is None else outline
        if plan_only:
            outline = None
        return self._ask(story, parent, seed, outline, ending, plan_only=plan_only)

    def draw_plan(self, turn_id: int, seed: int | None = None) -> int:
        """Another plan in the place of this passage, and nothing more."""
        turn = self._library.stories.turn(turn_id)
        story = self._library.stories.get(turn.story_id)
        return self._ask(story, turn.parent_id, seed, plan_only=True)

    def write_from_plan(self, turn_id: int, outline: str, seed: int | None = None) -> int:
        """A passage from `outline`, in the place of this one or of its plan."""
        turn = self._library.stories.turn(turn_id)
        story = self._library.stories.get(turn.story_id)
        return self._ask(story, turn.parent_id, seed, clean(outline).strip())

    def go_on_from(self, turn_id: int, prose: str, seed: int | None = None) -> int:
        """Another version of the model's passage, which begins with `prose`; its plan stays.

        Raises UsageError where the passage is the writer's own.
        """
        turn = self._library.stories.turn(turn_id)
        if turn.author != "model":
            raise UsageError("This passage is your own.", "Let the model write on from it.")
        story = self._library.stories.get(turn.story_id)
        prose = clean(prose).lstrip().rstrip(" ")  # a word's space is the model's to write
        return self._ask(story, turn.parent_id, seed, turn.outline or None, prose=prose)

    def begin_with(self, turn: Turn, begun: Begun, seed: int | None = None) -> int:
        """Another version of the model's passage, which begins with these very tokens."""
        story = self._library.stories.get(turn.story_id)
        model, _ = self._prompting()  # a plan that asked for the end does so again
        ending = bool(turn.outline) and not model.style.asked_to_end(turn.outline)
        return self._ask(story, turn.parent_id, seed, ending=ending, begun=begun)

    def retry(self, story_id: int, outline: str | None = None, seed: int | None = None) -> int:
        """Write the last passage once more, as a sibling; with `outline`, from that plan.

        After the writer's own words this is simply the next passage.
        """
        story = self._library.stories.get(story_id)
        parent, ending = story.leaf_id, False
        if parent is not None:
            leaf = self._library.stories.turn(parent)
            if leaf.author == "model":
                parent = leaf.parent_id
                model, _ = self._prompting()  # asked to end, another version is asked to as well
                ending = bool(leaf.outline) and not model.style.asked_to_end(leaf.outline)
        return self._ask(story, parent, seed, outline, ending and outline is None)

    def preview(self, story_id: int | None, text: str) -> list[Block]:
        """What the model would be shown for `text` in a story, or as a new one; nothing is saved.

        Raises UsageError where there is no such story, or no text for a new one.
        """
        model, _ = self._prompting()
        text = clean(text).strip()
        if story_id is None:
            return context.blocks(_premise(text), [], model.style, model.key)
        story = self._library.stories.get(story_id)
        return shown(self._library, story, self.base(story_id), model, text)

    def stop(self) -> None:
        """Stop whatever is being written and keep what came."""
        with self._lock:
            requests = list(self._pending)
        for request in requests:
            self._engine.cancel(request)

    def finish(self, seconds: float) -> None:
        """Stop what is being written and wait, at most `seconds`, until it is on disk."""
        self.stop()
        deadline = time.monotonic() + seconds
        while self._pending and self._engine.running and time.monotonic() < deadline:
            time.sleep(0.02)

    @property
    def busy(self) -> bool:
        return bool(self._pending)

    def show_sibling(self, story_id: int, step: int) -> Turn | None:
        """Open the next (+1) or previous (-1) version of the last passage; None at the end."""
        story = self._library.stories.get(story_id)
        if story.leaf_id is None:
            return None
        versions = self._library.stories.versions(story.leaf_id)
        at = versions.index(story.leaf_id) + step
        if not 0 <= at < len(versions):
            return None
        self._library.stories.open_leaf(story_id, versions[at])
        return self._library.stories.turn(versions[at])

    # ------------------------------------------------------------------ feedback
    def score(
        self,
        turn_id: int,
        kind: Kind,
        value: float | None,
        aspect: Aspect = "both",
        note: str = "",
    ) -> Feedback:
        """Append one opinion. Raises UsageError for the writer's own words or a wrong value."""
        return self.score_many([Feedback(0, turn_id, kind, value, aspect, note=note)])[0]

    def rate(self, turn_id: int, kind: Literal["stars", "thumb"], value: float) -> Feedback:
        """The writer's grade from now on: a standing one of the other kind is taken back."""
        return self.rate_many([Feedback(0, turn_id, kind, value)])[-1]

    def rate_span(
        self, turn_id: int, kind: Literal["stars", "thumb"], value: float, words: str
    ) -> Feedback:
        """The writer's grade of these words of a passage from now on; that of the passage stays.

        Raises UsageError for no words, and as `score` does.
        """
        words = clean_line(words)
        if not words:
            raise UsageError("No words are selected.", "Select some with the mouse.")
        line = Feedback(0, turn_id, kind, value, tags=(feedback.SPAN,), note=words)
        return self.score_many([line])[0]

    def rate_many(self, lines: list[Feedback]) -> list[Feedback]:
        """Many grades, all or none; returns them as appended."""
        replaced = [
            Feedback(0, line.turn_id, old.kind, None, old.aspect)
            for line in lines
            for old in self.opinions(line.turn_id)
            if feedback.is_grade(old) and old.kind != line.kind and old.aspect == line.aspect
        ]
        return self.score_many([*replaced, *lines])[len(replaced) :]

    def score_many(self, lines: list[Feedback]) -> list[Feedback]:
        """Append all or none, in one transaction."""
        for line in lines:
            self.check(line)
        return self._library.feedback.append(
            [msgspec.structs.replace(line, note=clean(line.note)) for line in lines]
        )

    def check(self, line: Feedback) -> None:
        """Raise UsageError unless this line could be appended."""
        feedback.check(line.kind, line.value)
        turn = self._library.stories.turn(line.turn_id)
        if turn.author != "model":
            raise UsageError(
                f"Turn {line.turn_id} is the writer's own.", "Only the model's are scored."
            )
        if line.kind == "choice":
            self._check_others(turn, line)

    def _check_others(self, turn: Turn, line: Feedback) -> None:
        """A choice is between versions of one passage."""
        if not line.others and line.value is not None:
            raise UsageError("A choice needs something it was made against.")
        for other_id in line.others:
            other = self._library.stories.turn(other_id)
            where = other.story_id, other.parent_id
            if other_id == turn.id or where != (turn.story_id, turn.parent_id):
                raise UsageError(
                    f"Turn {other_id} is no other version of turn {turn.id}.",
                    "A choice is between passages that follow the same text.",
                )

    def opinions(self, turn_id: int) -> list[Feedback]:
        """What stands for this turn now."""
        return feedback.current(self._library.feedback.of_turn(turn_id))

    def withdraw(self, turn_id: int, spans: bool = False) -> bool:
        """Take back the grade of a passage, with `spans` also those of some of its words; False
        where there was none. What else is known of it (its plan's grade, an edit, a choice) stays.
        """
        standing = [
            line
            for line in self.opinions(turn_id)
            if line.aspect != "outline"
            and (feedback.is_grade(line) or (spans and feedback.of_a_span(line)))
        ]
        self._library.feedback.append(
            [
                Feedback(0, turn_id, line.kind, None, line.aspect, line.tags, line.note)
                for line in standing
            ]
        )
        return bool(standing)

    # ------------------------------------------------------------------ inside
    def _ask(
        self,
        story: Story,
        parent_id: int | None,
        seed: int | None,
        outline: str | None = None,
        ending: bool = False,
        prose: str = "",
        plan_only: bool = False,
        begun: Begun | None = None,
    ) -> int:
        model, writing = self._prompting(story)
        blocks = shown(self._library, story, parent_id, model)
        request = next(self._numbers)
        with self._lock:
            self._pending[request] = _Pending(story.id, parent_id)
        try:
            self._engine.generate(
                Generate(
                    request,
                    blocks,
                    writing.sampling(random.getrandbits(31) if seed is None else seed),
                    outline,
                    ending,
                    prose,
                    plan_only,
                    begun,
                )
            )
        except BaseException:
            with self._lock:
                del self._pending[request]
            raise
        return request

    def settle(self, event: Finished | Failed) -> None:
        """Turn what the engine says into a transaction and an event."""
        assert event.request is not None
        with self._lock:
            pending = self._pending.get(event.request)
        if pending is None:
            return
        try:
            self._settle(event.request, pending, event)
        finally:  # only when it is on disk: `finish` waits for that
            with self._lock:
                self._pending.pop(event.request, None)

    def _settle(self, request: int, pending: _Pending, event: Finished | Failed) -> None:
        if isinstance(event, Failed):
            self._tell(TurnFailed(request, pending.story_id, event.message, event.hint))
            return
        if not event.prose and not event.outline:
            stopped = event.generation.stop_reason == "cancelled"
            message = "" if stopped else "The model wrote nothing."
            self._tell(TurnFailed(request, pending.story_id, message, "Try again."))
            return
        try:
            turn = self._library.stories.add_turn(
                pending.story_id,
                pending.parent_id,
                "model",
                event.prose,
                event.outline,
                event.generation,
            )
        except LibraryError as error:
            self._tell(TurnFailed(request, pending.story_id, error.message, error.hint))
            return
        stopped = event.generation.stop_reason == "cancelled"
        self._tell(TurnWritten(request, pending.story_id, turn, stopped))


def _premise(text: str) -> Story:
    """A story, not yet saved, that begins with `text`. Raises UsageError for an empty one."""
    premise = clean(text).strip()
    if not premise:
        raise UsageError("A story needs a first line.", "Write one, or pick one of the three.")
    return Story(0, title_from(premise), premise, None, "", "")
