"""The passage that is being edited: a text area that lies over its place in the manuscript."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from talecraft.app import marks
from talecraft.app.keymap import hint
from talecraft.app.own_editor import lend
from talecraft.app.widgets.text_area import WritingArea
from talecraft.library.branches import EditedPart
from talecraft.story.clean import clean
from talecraft.story.spans import How

LEAST_ROWS = 3


class Editor(WritingArea):
    """Holds one passage's text; what it holds at Esc is kept."""

    HELP = "Editing a passage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+s", "keep", "Keep",
                tooltip="Keep the text as it stands and go back to the page", id="editor.keep"),
        Binding("ctrl+g", "go_on", "Go on from here",
                tooltip="Keep what stands before the cursor and let the model go on from there",
                id="editor.go_on"),
        Binding("alt+r", "ask('rewrite')", "Rewrite", id="editor.rewrite",
                tooltip="With words selected: let the model tell them otherwise"),
        Binding("alt+e", "ask('expand')", "Expand", id="editor.expand",
                tooltip="With words selected: let the model tell them more fully"),
        Binding("alt+s", "ask('shorten')", "Shorten", id="editor.shorten",
                tooltip="With words selected: let the model tell them in half the length"),
        Binding("alt+d", "ask('describe')", "Describe", id="editor.describe",
                tooltip="With words selected: let the model describe what they tell of"),
        Binding("ctrl+o,ctrl+@", "ask('insert')", "Insert", id="editor.insert",
                tooltip="Let the model write at the cursor, leading to what follows"),
        *(
            Binding(f"alt+{n}", f"score({n})", "Score them", show=False, id=f"editor.score_{n}",
                    tooltip="With words selected: score them by themselves, 1 to 5")
            for n in range(1, 6)
        ),
        Binding("ctrl+e", "own_editor", "Your editor", id="editor.own_editor",
                tooltip="Edit the passage in your own editor ($VISUAL or $EDITOR)"),
    ]  # fmt: skip

    class Kept(Message):
        """The writer is done with `turn_id`, whose text is now `text`."""

        def __init__(self, turn_id: int, text: str, part: EditedPart) -> None:
            self.turn_id, self.text, self.part = turn_id, text, part
            super().__init__()

    class GoOn(Message):
        """The model is to go on after `text`, the beginning of this passage."""

        def __init__(self, turn_id: int, text: str, whole: str) -> None:
            self.turn_id, self.text, self.whole = turn_id, text, whole
            super().__init__()

    class Asked(Message):
        """The model is to write something for the characters from `start` to `end`."""

        def __init__(self, how: How, start: int, end: int) -> None:
            self.how, self.start, self.end = how, start, end
            super().__init__()

    class Scored(Message):
        """These words of the passage, as they stand in it, are scored by themselves."""

        def __init__(self, turn_id: int, words: str, value: int) -> None:
            self.turn_id, self.words, self.value = turn_id, words, value
            super().__init__()

    class Grown(Message):
        """It is of another height now."""

    def __init__(self) -> None:
        super().__init__("editor")
        self.turn_id = 0
        self.part: EditedPart = "prose"
        self.display = False
        self._room = Region()
        self.rows = 0

    def open(
        self,
        turn_id: int,
        text: str,
        room: Region,
        part: EditedPart = "prose",
        cursor: int | None = None,
    ) -> None:
        """Edit this text within `room` of the screen, which is as wide as its column, from its end
        on, or with the `cursor` after so many characters."""
        self.turn_id, self.part = turn_id, part
        self.load_text(clean(text))
        self.display = True
        self.place(room)
        self.move_cursor(self.document.end if cursor is None else self._location(cursor))
        self.focus()

    def place(self, room: Region) -> None:
        """Lie at the top of `room`, as high as the text and no higher than that."""
        self._room = room
        self.styles.offset = room.offset
        self.styles.width = room.width
        self._fit()

    @property
    def room(self) -> Region:
        """Where on the screen it may lie."""
        return self._room

    def _fit(self) -> None:
        rows = self.wrapped_document.height + 1
        rows = max(LEAST_ROWS, min(rows, self._room.height))
        if rows != self.rows:
            self.styles.height = self.rows = rows
            self.post_message(self.Grown())

    def on_text_area_changed(self) -> None:
        if self.is_open:
            self._fit()

    def on_resize(self) -> None:
        """Only at its width it is known how many rows its text takes."""
        self.call_later(self.on_text_area_changed)  # when the text area has wrapped it

    def close(self) -> None:
        self.display = False
        self.turn_id = self.rows = 0
        self.part = "prose"
        self.load_text("")

    @property
    def is_open(self) -> bool:
        return self.turn_id != 0

    @property
    def words(self) -> str:
        """What can be done, for the line under the text."""
        between = marks.mark(" · ", ", ")
        kept = f"{hint('editor.keep', 'Esc')} keeps the text"
        if self.part != "prose":
            return kept
        if not self.selection.is_empty:
            return between.join(
                (
                    f"{hint('editor.rewrite', 'Alt+R')} rewrites",
                    f"{hint('editor.expand', 'Alt+E')} expands",
                    f"{hint('editor.shorten', 'Alt+S')} shortens",
                    f"{hint('editor.describe', 'Alt+D')} describes",
                )
            )
        on = f"{hint('editor.go_on', 'Ctrl+G')}: on from the cursor"
        return between.join((kept, on, f"{hint('editor.insert', 'Ctrl+O')}: in between"))

    def action_keep(self) -> None:
        self.post_message(self.Kept(self.turn_id, self.text, self.part))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "go_on":
            return self.is_open and self.part == "prose"
        if action in ("keep", "own_editor"):
            return self.is_open
        if action == "score":
            return self.is_open and self.part == "prose" and not self.selection.is_empty
        if action == "ask":
            selects = not self.selection.is_empty
            inserts = parameters[0] == "insert"
            return self.is_open and self.part == "prose" and selects != inserts
        return super().check_action(action, parameters)

    def action_ask(self, how: How) -> None:
        ends = sorted(self.selection)
        start, end = (len(self.get_text_range((0, 0), one)) for one in ends)
        self.post_message(self.Asked(how, start, end))

    def action_score(self, value: int) -> None:
        self.post_message(self.Scored(self.turn_id, self.selected_text, value))

    def put(self, start: int, end: int, text: str) -> None:
        """Put `text` in the place of the characters from `start` to `end`, the cursor after it."""
        first, last = self._location(start), self._location(end)
        self.move_cursor(self.replace(clean(text), first, last).end_location)

    def _location(self, characters: int) -> tuple[int, int]:
        """The row and column after so many characters."""
        before = self.text[:characters]
        return before.count("\n"), len(before) - before.rfind("\n") - 1

    def action_own_editor(self) -> None:
        lend(self)

    def action_go_on(self) -> None:
        before = self.get_text_range((0, 0), self.cursor_location)
        self.post_message(self.GoOn(self.turn_id, before, self.text))
