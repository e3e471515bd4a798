"""The manuscript: a line-rendered scroll view. What is not in sight is not drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from talecraft.app.live import Live
from talecraft.app.marks import mark, plain
from talecraft.app.widgets.block_view import BlockView
from talecraft.app.widgets.blocks import Block, Column, Place, Setting
from talecraft.app.widgets.letters import Letters
from talecraft.app.widgets.pages import Layout, Line, Stream, byline, selected_text
from talecraft.story.turns import Turn
from talecraft.studio.reading import Page

# Left of the text: where the chosen passage is marked, where the writer's words have their bar.
_GUTTER, _MARGIN = 3, 4
_BAR, _CHOSEN, _CARET = "▎", "›", "▌"
_CHOSEN_TOLD, _THINKING_TOLD = "Chosen. ", "The model is thinking."
_STRIPS = 1000  # painted rows that are kept


class Manuscript(BlockView, Letters, can_focus=True):
    """Shows a `Page`, and after it the passage being written.

    Stays at the end while text comes if the reader was at the end, and never moves otherwise.
    """

    PREFIX = "manuscript"
    HELP = "The manuscript (Tab or a click moves there)"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "screen.sibling(-1)", "Previous version", show=False,
                tooltip="The version before", id="version.previous"),
        Binding("right", "screen.sibling(1)", "Next version", show=False,
                tooltip="The version after", id="version.next"),
        Binding("k", "choose(-1)", "Passage up", show=False,
                tooltip="Choose the passage above", id="passage.up"),
        Binding("j", "choose(1)", "Passage down", show=False,
                tooltip="Choose the passage below", id="passage.down"),
        # What stands first has room in the footer of a small window.
        Binding("e", "screen.edit", "Edit",
                tooltip="Edit the chosen or last passage in place", id="passage.edit"),
        Binding("p", "screen.go_to_plan", "Plan",
                tooltip="Go to the passage's plan: score it, edit it, draw another, write from it",
                id="plan.go_to"),
        Binding("s", "screen.skeleton", "Skeleton", id="page.skeleton",
                tooltip="The story's skeleton: the plans of all passages, to jump by"),
        Binding("t", "screen.tokens", "Tokens", id="manuscript.tokens",
                tooltip="See how likely each token of the passage was, and begin again from one"),
        Binding("x", "screen.throw_away", "Discard",
                tooltip="Throw the chosen or last passage away, with all that follows it",
                id="passage.throw_away"),
        Binding("w", "screen.export('txt')", "Export",
                tooltip="Export the story as plain text, into a file", id="story.export"),
        Binding("v", "screen.alternatives", "Versions",
                tooltip="Write other versions of the last passage, to choose between them",
                id="version.more"),
        Binding("f", "screen.end_story", "Finish",
                tooltip="Let the model bring the story to its end", id="story.finish"),
        Binding("d", "screen.preset", "Preset", id="story.preset",
                tooltip="How words are drawn in this story: choose a preset"),
        Binding("c", "screen.copy_passage", "Copy",
                tooltip="Copy the chosen or last passage", id="passage.copy"),
        Binding("u", "screen.unrate", "Take score back",
                tooltip="Take back the passage's score", id="score.take_back"),
        Binding("m", "screen.export('md')", "Markdown", show=False,
                tooltip="Export the story as Markdown", id="story.export_markdown"),
        Binding("ctrl+c", "screen.copy_text", "Copy selection", show=False,
                tooltip="Copy what is selected with the mouse", id="selection.copy"),
        Binding("ctrl+z", "screen.undo_step", "Undo", show=False,
                tooltip="Take back the last change of the story, one after the other",
                id="story.undo"),
        Binding("ctrl+y", "screen.redo_step", "Redo", show=False,
                tooltip="Do again what was taken back", id="story.redo"),
        Binding("enter", "screen.go_on", "Continue", show=False,
                tooltip="Let the model write on", id="page.continue"),
        *(
            Binding(str(n), f"screen.rate({n})", "Score", show=False,
                    tooltip="Score the chosen or last passage, 1 to 5; selected words alone",
                    id=f"score.{n}")
            for n in range(1, 6)
        ),
        Binding("plus", "screen.thumb(1)", "Like", show=False,
                tooltip="Like the chosen passage", id="score.like"),
        Binding("minus", "screen.thumb(-1)", "Dislike", show=False,
                tooltip="Dislike the chosen passage", id="score.dislike"),
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "manuscript--title",
        "manuscript--premise",
        "manuscript--writer",
        "manuscript--model",
        "manuscript--plan",
        "manuscript--bar",
        "manuscript--note",
        "manuscript--chosen",
    }

    class Chosen(Message):
        """Another passage is the chosen one, or none."""

    class Placed(Message):
        """The text's column now begins at `left` and is `width` cells wide, margins included."""

        def __init__(self, left: int, width: int) -> None:
            self.left, self.width = left, width
            super().__init__()

    def __init__(self, measure: int) -> None:
        super().__init__("manuscript")
        self.chosen: int | None = None
        self._chosen_turn: Turn | None = None
        self.clicked: int | None = None  # so many characters into the chosen passage
        self._alone = False
        self._measure = measure
        self._page: Page | None = None
        self._live: Live | None = None
        self._plan: tuple[str, bool] | None = None
        self._layout_of = Layout()
        self._setting = Setting(self._layout_of)
        self._stream: Stream | None = None
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._room: tuple[int, int] | None = None  # a passage that something lies over; its rows

    # ------------------------------------------------------------------ what is shown
    def set_measure(self, measure: int) -> None:
        """The longest line, in columns; what is on top stays there."""
        if measure != self._measure:
            self._measure = measure
            self.on_resize()

    def make_room(self, room: tuple[int, int] | None) -> None:
        """What lies over a passage is so many rows high: what follows makes way for it."""
        if room != self._room:
            self._room = room
            self._lay_out(self._reader)

    def set_alone(self, alone: bool) -> None:
        """Only the text, without what stands in its margins."""
        if alone != self._alone:
            self._alone = alone
            self._strips.clear()
            self.refresh()

    def show_page(self, page: Page, live: Live | None, plan: tuple[str, bool] | None) -> None:
        """Show `page`, with the passage being written, if any.

        `plan` is the last passage's plan and whether it is folded; None where it is shown
        elsewhere.
        """
        same = self._page is not None and self._page.story.id == page.story.id
        reader = self._reader if same else None
        self._page, self._live, self._plan = page, live, plan
        self._stream = Stream(self._layout_of, live.keep) if live is not None else None
        self._lay_out(reader)

    def text_came(self, plan: tuple[str, bool] | None) -> None:
        """More text in the passage that was given to `show_page`."""
        if self._live is None:
            return
        reader, before = self._reader, self._column.blocks[-1].lines
        self._plan = plan
        block = self._live_block(self._live)
        self._column.put_last(block)
        if len(block.lines) != len(before):
            self._settle_at(reader)
            return
        # Most often a line only grows: to paint no other leaves the time to the writer's keys.
        row = self._column.top(-1)
        for at, (old, new) in enumerate(zip(before, block.lines, strict=True), row):
            if old != new:
                self.refresh_line(at)

    # ------------------------------------------------------------------ layout
    def _lay_out(self, reader: Place | None) -> None:
        page, live = self._page, self._live
        if page is None:
            return
        room = self.size.width - _GUTTER - _MARGIN
        # Before there is a size: as it will probably be, and not every letter on its own line.
        self._layout_of.width = min(self._measure, room if self.size else self._measure)
        if live is None:
            blocks = self._setting.blocks(page, len(page.path), self._plan)
        else:
            blocks = [*self._setting.blocks(page, live.keep, None), self._live_block(live)]
        if self._room is not None:
            edited, rows = self._room
            blocks = [one.with_room(rows) if one.passage == edited else one for one in blocks]
        self.show_column(Column(blocks), reader)

    def _live_block(self, live: Live) -> Block:
        """The passage that is being written, and its plan where that is not shown elsewhere."""
        lines = self._layout_of.plan(*self._plan) if self._plan is not None else []
        prose = live.prose.lstrip()
        if self._alone and not prose:
            lines = [Line(mark(_CARET, _THINKING_TOLD), "plan")]  # nothing else would move
        if prose and self._stream is not None:
            if plain():
                lines.append(byline("model", live.keep))
            lines += self._stream.lines(prose)
            lines[-1] = lines[-1]._replace(text=lines[-1].text + mark(_CARET))
        return Block.of(live.keep, lines)

    def on_resize(self) -> None:
        self._lay_out(self._reader)
        width = _GUTTER + self._layout_of.width + _MARGIN
        self.post_message(self.Placed(self._left, width))

    # ------------------------------------------------------------------ drawing
    def notify_style_update(self) -> None:
        self._strips.clear()
        super().notify_style_update()

    @property
    def _left(self) -> int:
        used = _GUTTER + self._layout_of.width + _MARGIN
        return max(0, (self.size.width - used) // 2)

    def render_line(self, y: int) -> Strip:
        """Most rows are painted as they were, at another height: only new ones are made anew."""
        row = y + round(self.scroll_y)
        line = self._column.line(row)
        chosen = line.passage is not None and line.passage == self._marked
        first = chosen and (row == 0 or self._column.line(row - 1).passage != line.passage)
        if self.text_selection is not None:
            return self._strip(row, line, chosen, first)
        key = (row, line, chosen, first, self._left, self.size.width)
        if key not in self._strips:
            if len(self._strips) > _STRIPS:
                self._strips.clear()
            self._strips[key] = self._strip(row, line, chosen, first)
        return self._strips[key]

    def _strip(self, row: int, line: Line, chosen: bool, first: bool) -> Strip:
        width, base = self.size.width, self.style("")
        style = base if line.kind in ("blank", "byline") else self.style(line.kind)
        if chosen:
            base, style = base + self.style("chosen"), style + self.style("chosen")
        barred = line.kind == "writer"
        gutter = f"{mark(_CHOSEN, ' ') if first else ' '}{mark(_BAR, ' ') if barred else ' '} "
        told = mark("", _CHOSEN_TOLD) if first else ""
        segments = [
            Segment(" " * self._left, self.style("")),
            Segment(gutter, base + self.style("bar")),
            *self._body(row, told + line.text, style),
        ]
        strip = Strip(segments)
        note_at = self._left + _GUTTER + self._layout_of.width
        strip = strip.adjust_cell_length(max(strip.cell_length, note_at), base)
        note = "" if self._alone else line.note
        strip = Strip([*strip, Segment(f" {note:<{_MARGIN - 1}}", base + self.style("note"))])
        return strip.crop_extend(0, width, self.style("")).apply_offsets(0, row)

    def _body(self, row: int, text: str, style: Style) -> list[Segment]:
        """A line's text, its selected part told apart."""
        selection = self.text_selection
        span = selection.get_span(row) if selection is not None else None
        if span is None:
            return [Segment(text, style)]
        start, end = span
        offset = self._left + _GUTTER
        start = max(0, start - offset)
        end = len(text) if end == -1 else max(0, end - offset)
        marked = style + self.screen.get_component_rich_style("screen--selection")
        parts = ((text[:start], style), (text[start:end], marked), (text[end:], style))
        return [Segment(part, how) for part, how in parts if part]

    # ------------------------------------------------------------------ selecting and choosing
    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected words as they stand in the story: soft line breaks undone."""
        return selected_text(self._selected_lines(selection)), "\n"

    @property
    def selected(self) -> tuple[int | None, str] | None:
        """The passage of which words are selected, None for more than one, and the words."""
        if self.text_selection is None:
            return None
        lines = self._selected_lines(self.text_selection)
        passages = {one.passage for one in lines if one.text.strip()}
        words = selected_text(lines).strip()
        if not words:
            return None
        return passages.pop() if len(passages) == 1 else None, words

    def _selected_lines(self, selection: Selection) -> list[Line]:
        offset = self._left + _GUTTER
        lines: list[Line] = []
        self._measure_all()
        for y in range(self._column.height):
            if (span := selection.get_span(y)) is None:
                continue
            line = self._column.line(y)
            start = max(0, span[0] - offset)
            end = len(line.text) if span[1] == -1 else max(0, span[1] - offset)
            lines.append(line._replace(text=line.text[start:end]))
        return lines

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def action_choose(self, step: int) -> None:
        """Choose the passage above or below; it is scrolled into sight."""
        shown = self._finished
        if not shown:
            return
        if self.chosen not in shown:
            self.choose(shown[-1])
        else:
            at = shown.index(self.chosen) + step
            self.choose(shown[at] if 0 <= at < len(shown) else self.chosen)

    def choose(self, passage: int) -> bool:
        """Choose a passage and scroll it into sight; False where nothing is shown of it."""
        if passage not in self._finished:
            return False
        self._choose(passage)
        top = self._column.find(Place(passage, -1))
        if not self.scroll_y <= top < self.scroll_y + self.size.height - 2:
            self.scroll_to(y=max(0, top - 1), animate=False)
        return True

    @property
    def _finished(self) -> list[int]:
        """The passages that are shown, without the one that is being written."""
        keep = self._live.keep if self._live is not None else None
        passages = (block.passage for block in self._column.blocks)
        return [one for one in passages if one is not None and one != keep]

    def choose_none(self) -> None:
        self._choose(None)

    def place_of(self, passage: int) -> tuple[int, int, int]:
        """Where a passage's text begins in the window: column and row, and its lines' width."""
        row = self._column.find(Place(passage, 0)) - round(self.scroll_y)
        return self._left + _GUTTER, row, self._layout_of.width

    def keep_choice(self, page: Page) -> None:
        """The page is another now: what was chosen, or another version of it, stays the choice."""
        turn, at = self._chosen_turn, self.chosen
        if turn is None or at is None:
            return
        ids = [one.id for one in page.path]
        version = at < len(page.path) and page.path[at].parent_id == turn.parent_id
        self.chosen = ids.index(turn.id) if turn.id in ids else at if version else None

    @property
    def _marked(self) -> int | None:
        """What a letter would act on: the chosen passage; with the focus and none chosen, the
        last one."""
        if self.chosen is not None or not self.has_focus:
            return self.chosen
        shown = self._finished
        return shown[-1] if shown else None

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()

    def _choose(self, passage: int | None) -> None:
        path = self._page.path if self._page is not None else ()
        known = passage is not None and passage < len(path)
        self.clicked = None
        self._chosen_turn = path[passage] if known and passage is not None else None
        if passage != self.chosen:
            self.chosen = passage
            self.refresh()
            self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        row = event.y + round(self.scroll_y)
        line = self._column.line(row)
        if line.passage is None or line.passage in self._finished:
            self._choose(line.passage)
        if line.passage is not None and self.chosen == line.passage and line.kind != "byline":
            along = event.x - self._left - _GUTTER
            before = max(0, self._column.place(row).characters)
            self.clicked = before + max(0, min(along, len(line.text)))

    @property
    def visible_text(self) -> Sequence[str]:
        """The lines in sight, as text."""
        top = round(self.scroll_y)
        return [self._column.line(y).text for y in range(top, top + self.size.height)]
