"""What the model sees: every part of the prompt, what was left out, and the notes to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.screens.noting import NotingActions
from talecraft.app.text import count, said
from talecraft.app.widgets.context import ContextBar, ContextList, Row
from talecraft.errors import EngineError, TalecraftError
from talecraft.story.notes import NOT_CALLED
from talecraft.story.turns import Source, Turn
from talecraft.story.window import NO_ROOM
from talecraft.studio.events import PromptFailed, PromptRead

_KEYS = {"memory": "m", "note": "a", "new": "n", "draft": "l"}


class ContextScreen(NotingActions):
    """Over the page of `story_id`, after `draft` of the writer's; begins with what the model was
    shown for the passage `at`, None: what it is shown for the next one. `leave` is called when it
    is left."""

    PAGE = True
    HELP = "What the model sees"
    COMMAND_WIDGETS = ("#context",)
    AUTO_FOCUS = "#context"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "memory", "Memory",
                tooltip="What the model is always told in this story", id="context.memory"),
        Binding("a", "note", "Note",
                tooltip="A word to the model that stands near the end of the text",
                id="context.note"),
        Binding("n", "new_entry", "New entry",
                tooltip="Lore or a character: told when it is spoken of", id="context.new"),
        Binding("l", "draft_entry", "From the story",
                tooltip="Draft an entry from what the story says of someone", id="context.draft"),
        Binding("s", "summary", "So far",
                tooltip="The story so far, in your own words", id="context.summary"),
        Binding("o", "plans", "Plans",
                tooltip="Show the model its earlier plans, or only the prose", id="context.plans"),
        Binding("x,delete", "remove", "Remove",
                tooltip="Take the entry one is at out of the story's lore", id="context.remove"),
        Binding("left_square_bracket", "other(-1)", "Earlier",
                tooltip="What it was shown for the passage before", id="context.before"),
        Binding("right_square_bracket", "other(1)", "Later",
                tooltip="What it was shown for the passage after; last: what comes next",
                id="context.after"),
        Binding("ctrl+z", "undo", "Undo", show=False,
                tooltip="Take back what was done last", id="story.undo"),
        Binding("ctrl+y", "redo", "Redo", show=False,
                tooltip="Do again what was taken back", id="story.redo"),
        Binding("escape,f6", "leave", "Page", tooltip="Back to the page", id="context.leave"),
    ]  # fmt: skip

    def __init__(
        self, story_id: int, draft: str, at: int | None, leave: Callable[[], None]
    ) -> None:
        super().__init__(story_id)
        self._draft, self._at, self._leave = draft, at, leave
        self._request: int | None = None
        self._event: PromptRead | PromptFailed | None = None
        self._path: Sequence[Turn] = ()

    def body(self) -> ComposeResult:
        yield Static(id="context-head", markup=False)
        yield ContextBar()
        with Vertical(id="context-body"):
            yield ContextList()

    def on_mount(self) -> None:
        self._ask()

    # ------------------------------------------------------------------ what is shown
    @property
    def _list(self) -> ContextList:
        return self.query_one(ContextList)

    def reload(self) -> None:
        if self.is_mounted:
            self._ask()

    def _ask(self) -> None:
        """Ask what the model sees."""
        studio = self.talecraft.studio
        self._event = None
        try:
            story = studio.library.stories.get(self.story_id)
            self._path = studio.library.stories.path(story.leaf_id)
            if studio.engine.asleep:
                raise EngineError(
                    "The model sleeps while the run goes on.", "It can be asked then."
                )
            if self._at is not None:
                self._request = studio.looking.back(self._at)
            else:
                self._request = studio.looking.ahead(self.story_id, self._draft)
        except TalecraftError as error:
            studio.looking.stop()
            self._request = None
            self._event = PromptFailed(0, error.message, error.hint)
        self._show()

    def prompt_came(self, event: PromptRead | PromptFailed) -> None:
        if event.request == self._request:
            self._event = event
            self._show()

    def _show(self) -> None:
        event = self._event
        rows = self._shown(event) if isinstance(event, PromptRead) else self._noted()
        budget = event.budget if isinstance(event, PromptRead) else 0
        self.query_one(ContextBar).show(rows if budget else [], budget)
        if event is not None or self.talecraft.live is not None:
            self._list.show([*rows, *self._beside(rows)])
        self._show_head(rows)
        self.refresh_bindings()

    def _show_head(self, rows: Sequence[Row]) -> None:
        event = self._event
        if event is None:
            facts = "The model is asked …"
        elif isinstance(event, PromptFailed):
            facts = f"{event.message} {event.hint}"
        else:
            used = sum(row.tokens for row in rows if not row.why)
            facts = f"{used:,} of {count(event.budget, 'token')}"
            out = sum(bool(row.why) for row in rows)
            if out:
                facts += f"{mark(' · ', ', ')}{count(out, 'part')} left out"
        plans = "" if self._notes.plans else f"{mark(' · ', ', ')}earlier plans are not shown"
        self.query_one("#context-head", Static).update(
            said(
                ("What the model sees", "bold $text-primary"),
                f"   {self._which}{mark(' · ', ', ')}{facts}",
                plans,
            )
        )

    @property
    def _which(self) -> str:
        if self._at is None:
            return "for the next passage"
        for number, turn in enumerate(self._path, 1):
            if turn.id == self._at:
                return f"as it was for passage {number}"
        return "as it was then"

    def _shown(self, event: PromptRead) -> list[Row]:
        """What is in the prompt, in order, then what is not."""
        rows = [Row(one.source, one.name, len(one.ids), one.text) for one in event.stretches]
        texts = dict[tuple[Source, str], str]()
        for entry in self._notes.entries.values():
            texts[entry.kind, entry.title] = entry.text
        return rows + [
            Row(one.source, one.name, one.tokens, texts.get((one.source, one.name), ""), one.why)
            for one in event.left_out
        ]

    def _noted(self) -> list[Row]:
        """What is written down, where it cannot be said how the model is shown it."""
        notes = self._notes
        rows = [
            Row("memory", "", 0, notes.memory),
            Row("note", "", 0, notes.note.text),
            Row("summary", "", 0, notes.summary.text),
            *[Row(one.kind, one.title, 0, one.text) for one in notes.ordered],
        ]
        return [row for row in rows if row.text]

    def _beside(self, rows: Sequence[Row]) -> list[Row]:
        """What can be written down and is not: so that one finds it."""
        if self._at is not None:
            return []
        there = {row.source for row in rows}
        notes, left = self._notes, any(row.source == "text" and row.why for row in rows)
        keys = {name: hint(f"context.{name}", key) for name, key in _KEYS.items()}
        nothing: list[tuple[Source, bool, str]] = [
            ("memory", not notes.memory,
             f"nothing yet; {keys['memory']} writes what the model is always told"),
            ("note", not notes.note.text,
             f"nothing yet; {keys['note']} writes a word to the model that stands near the end of"
             " the text"),
            ("summary", not left,
             "nothing has left the window yet; what does is told here, beat by beat"),
            ("lore", not notes.entries,
             f"nothing yet; {keys['new']} writes an entry, {keys['draft']} drafts one from the"
             " story"),
        ]  # fmt: skip
        named = {row.name for row in rows}
        return [
            *(
                Row(one.kind, one.title, 0, one.text, NOT_CALLED)
                for one in notes.ordered
                if one.title not in named
            ),
            *(
                Row(source, "", 0, "", why)
                for source, missing, why in nothing
                if missing and source not in there
            ),
        ]

    @property
    def _so_far(self) -> tuple[str, int | None]:
        if self._at is not None or not isinstance(self._event, PromptRead):
            return "", None
        told = next((row.text for row in self._list.rows if row.source == "summary"), "")
        for row in self._list.rows:
            last = row.name.rpartition("-")[2]
            if row.source == "text" and row.why == NO_ROOM and last.isdigit():
                return told.strip(), int(last)
        return "", None

    # ------------------------------------------------------------------ what can be done now
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return super().check_action(action, parameters)
        if action == "other":
            step = parameters[0] if isinstance(parameters[0], int) else 0
            return 0 <= self._place + step < len(self._places)
        return super().check_action(action, parameters)

    @property
    def _places(self) -> list[int | None]:
        """What can be looked at: the model's passages by their turns, then (None) the next one."""
        return [*(one.id for one in self._path if one.author == "model" and one.prose), None]

    @property
    def _place(self) -> int:
        """Which of them is shown; a plan without prose counts as the next passage."""
        places = self._places
        return places.index(self._at) if self._at in places else len(places) - 1

    def action_other(self, step: int) -> None:
        """Called only where there is one: see check_action."""
        self._at = self._places[self._place + step]
        self._ask()

    def changed(self) -> None:
        """A note was changed: what the model sees next is shown."""
        self._at = None
        self._ask()

    def on_context_list_moved(self) -> None:
        self.refresh_bindings()

    def action_leave(self) -> None:
        self.talecraft.studio.looking.stop()
        self.app.pop_screen()
        self._leave()
