"""The manuscript: a line-rendered scroll view. What is not in sight is not drawn."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from talecraft.app.live import Live
from talecraft.app.marks import mark, plain
from talecraft.app.widgets.pages import (
    BLANK,
    Layout,
    Line,
    Stream,
    byline,
    selected_text,
    text_length,
)
from talecraft.studio.reading import Page

# Left of the text: where the chosen passage is marked, where the writer's words have their bar.
_GUTTER, _MARGIN = 3, 4
_BAR, _CHOSEN, _CARET = "▎", "›", "▌"
_CHOSEN_TOLD = "Chosen. "


class Manuscript(ScrollView, can_focus=True):
    """Shows a `Page`, and after it the passage being written.

    Stays at the end while text comes if the reader was at the end, and never moves otherwise.
    """

    HELP = "The manuscript (Tab or a click moves there)"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "screen.sibling(-1)", "Previous version",
                tooltip="The version before", id="version.previous"),
        Binding("right", "screen.sibling(1)", "Next version",
                tooltip="The version after", id="version.next"),
        Binding("k", "choose(-1)", "Passage up", show=False,
                tooltip="Choose the passage above", id="passage.up"),
        Binding("j", "choose(1)", "Passage down", show=False,
                tooltip="Choose the passage below", id="passage.down"),
        Binding("c", "screen.copy_passage", "Copy",
                tooltip="Copy the chosen or last passage", id="passage.copy"),
        Binding("ctrl+c", "screen.copy_text", "Copy selection", show=False,
                tooltip="Copy what is selected with the mouse", id="selection.copy"),
        Binding("f", "screen.end_story", "Finish",
                tooltip="Let the model bring the story to its end", id="story.finish"),
        Binding("u", "screen.unrate", "Take score back",
                tooltip="Take back the passage's score", id="score.take_back"),
        Binding("e", "screen.export('txt')", "Export",
                tooltip="Export the story as plain text", id="story.export"),
        Binding("m", "screen.export('md')", "Markdown", show=False,
                tooltip="Export the story as Markdown", id="story.export_markdown"),
        Binding("enter", "screen.go_on", "Continue", show=False,
                tooltip="Let the model write on", id="page.continue"),
        *(
            Binding(str(n), f"screen.rate({n})", "Score", show=False,
                    tooltip="Score the chosen or last passage, 1 to 5", id=f"score.{n}")
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

    class Typed(Message):
        """The writer typed a letter that is no command here: it belongs into the composer."""

        def __init__(self, character: str) -> None:
            self.character = character
            super().__init__()

    class Chosen(Message):
        """Another passage is the chosen one, or none."""

    class Placed(Message):
        """The text's column now begins at `left` and is `width` cells wide, margins included."""

        def __init__(self, left: int, width: int) -> None:
            self.left, self.width = left, width
            super().__init__()

    def __init__(self, measure: int) -> None:
        super().__init__(id="manuscript")
        self.chosen: int | None = None
        self._measure = measure
        self._page: Page | None = None
        self._live: Live | None = None
        self._plan: tuple[str, bool] | None = None
        self._layout_of = Layout()
        self._stream: Stream | None = None
        self._settled: list[Line] = []
        self._coming: list[Line] = []
        self._styles: dict[str, Style] = {}

    # ------------------------------------------------------------------ what is shown
    def show_page(self, page: Page, live: Live | None, plan: tuple[str, bool] | None) -> None:
        """Show `page`, with the passage being written, if any.

        `plan` is the last passage's plan and whether it is folded; None where it is shown
        elsewhere.
        """
        same = self._page is not None and self._page.story.id == page.story.id
        at_end = not same or self.at_end
        top = self._place(round(self.scroll_y))
        self._page, self._live, self._plan = page, live, plan
        if self.chosen is not None and self.chosen >= len(page.path):
            self.chosen = None
        self._stream = Stream(self._layout_of, live.keep) if live is not None else None
        self._lay_out()
        self._settle_at(None if at_end else top)

    def text_came(self, plan: tuple[str, bool] | None) -> None:
        """More text in the passage that was given to `show_page`."""
        at_end = self.at_end
        top = self._place(round(self.scroll_y))
        before, self._plan = self._coming, plan
        self._lay_out_live()
        if len(self._coming) != len(before):
            self._settle_at(None if at_end else top)
            return
        # Most often a line only grows: to paint no other leaves the time to the writer's keys.
        for at, (old, new) in enumerate(zip(before, self._coming, strict=True), len(self._settled)):
            if old != new:
                self.refresh_line(at)

    @property
    def at_end(self) -> bool:
        return self.scroll_y >= self.max_scroll_y - 1

    def _settle_at(self, place: tuple[int | None, int] | None) -> None:
        """After a new layout: the end in sight (None), or the text that was on top before."""
        self.virtual_size = Size(self.size.width, self._line_count)
        y = self.max_scroll_y if place is None else self._find(place)
        if y != self.scroll_y:
            self.scroll_to(y=y, animate=False, immediate=True, force=True)
        self.refresh()

    @property
    def _line_count(self) -> int:
        return len(self._settled) + len(self._coming) + 1

    def _line(self, y: int) -> Line:
        if y < len(self._settled):
            return self._settled[y]
        y -= len(self._settled)
        return self._coming[y] if y < len(self._coming) else BLANK

    # ------------------------------------------------------------------ layout
    def _lay_out(self) -> None:
        self._layout_of.set_width(min(self._measure, self.size.width - _GUTTER - _MARGIN))
        self._settled = []
        if self._page is None:
            return
        last = len(self._page.path) if self._live is None else self._live.keep
        shown = self._layout_of.passages(self._page, last)
        if self._live is None and self._plan is not None and last:
            # The plan stands before the passage it was made for.
            at = next((i for i, line in enumerate(shown) if line.passage == last - 1), len(shown))
            shown[at:at] = self._layout_of.plan(*self._plan)
        self._settled = self._layout_of.head(self._page) + shown
        self._lay_out_live()

    def _lay_out_live(self) -> None:
        self._coming = []
        if self._live is None or self._stream is None:
            return
        if self._plan is not None:
            self._coming = self._layout_of.plan(*self._plan)
        prose = self._live.prose.lstrip()
        if prose:
            if plain():
                self._coming.append(byline("model", self._live.keep))
            self._coming += self._stream.lines(prose)
            text = self._coming[-1].text + mark(_CARET)
            self._coming[-1] = self._coming[-1]._replace(text=text)

    def on_resize(self) -> None:
        top = None if self.at_end else self._place(round(self.scroll_y))
        self._lay_out()
        width = _GUTTER + self._layout_of.width + _MARGIN
        self.post_message(self.Placed(self._left, width))
        self._settle_at(top)

    def _place(self, y: int) -> tuple[int | None, int]:
        """Which text line `y` shows: the passage, and how many characters into it."""
        passage = self._line(y).passage
        before = -1 if self._line(y).kind == "byline" else 0
        while y > 0 and (above := self._line(y - 1)).passage == passage:
            before += text_length(above)
            y -= 1
        return passage, before

    def _find(self, place: tuple[int | None, int]) -> int:
        passage, before = place
        first = next((y for y in range(self._line_count) if self._line(y).passage == passage), 0)
        ends: list[int] = []
        for y in range(first, self._line_count):
            line = self._line(y)
            if line.passage != passage:
                break
            ends.append((ends[-1] if ends else 0) + text_length(line))
        return first + bisect_left(ends, before + 1)

    # ------------------------------------------------------------------ drawing
    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            self._styles[name] = (
                self.get_component_rich_style(f"manuscript--{name}") if name else self.rich_style
            )
        return self._styles[name]

    @property
    def _left(self) -> int:
        used = _GUTTER + self._layout_of.width + _MARGIN
        return max(0, (self.size.width - used) // 2)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        row = y + round(self.scroll_y)
        line = self._line(row)
        base = self._style("")
        chosen = line.passage is not None and line.passage == self.chosen
        style = base if line.kind in ("blank", "byline") else self._style(line.kind)
        if chosen:
            base, style = base + self._style("chosen"), style + self._style("chosen")
        first = chosen and (row == 0 or self._line(row - 1).passage != line.passage)
        gutter = (
            f"{mark(_CHOSEN, ' ') if first else ' '}"
            f"{mark(_BAR, ' ') if line.kind == 'writer' else ' '} "
        )
        told = mark("", _CHOSEN_TOLD) if first else ""
        segments = [
            Segment(" " * self._left, self._style("")),
            Segment(gutter, base + self._style("bar")),
            *self._body(row, told + line.text, style),
        ]
        strip = Strip(segments)
        note_at = self._left + _GUTTER + self._layout_of.width
        strip = strip.adjust_cell_length(max(strip.cell_length, note_at), base)
        strip = Strip([*strip, Segment(f" {line.note:<{_MARGIN - 1}}", base + self._style("note"))])
        return strip.crop_extend(0, width, self._style("")).apply_offsets(0, row)

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
        offset = self._left + _GUTTER
        lines: list[Line] = []
        for y in range(self._line_count):
            if (span := selection.get_span(y)) is None:
                continue
            line = self._line(y)
            start = max(0, span[0] - offset)
            end = len(line.text) if span[1] == -1 else max(0, span[1] - offset)
            lines.append(line._replace(text=line.text[start:end]))
        return selected_text(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh()

    def action_choose(self, step: int) -> None:
        """Choose the passage above or below; it is scrolled into sight."""
        shown = sorted({line.passage for line in self._settled if line.passage is not None})
        if not shown:
            return
        if self.chosen not in shown:
            self._choose(shown[-1])
        else:
            at = shown.index(self.chosen) + step
            self._choose(shown[at] if 0 <= at < len(shown) else self.chosen)
        top = self._find((self.chosen, 0))
        if not self.scroll_y <= top < self.scroll_y + self.size.height - 2:
            self.scroll_to(y=max(0, top - 1), animate=False)

    def choose_none(self) -> None:
        self._choose(None)

    def _choose(self, passage: int | None) -> None:
        if passage != self.chosen:
            self.chosen = passage
            self.refresh()
            self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        row = event.y + round(self.scroll_y)
        if row < len(self._settled):
            self._choose(self._line(row).passage)

    def on_key(self, event: events.Key) -> None:
        """Any letter that is no command here types; so one never has to find the composer."""
        if event.is_printable and event.character and event.key not in self.screen.active_bindings:
            event.stop()
            self.post_message(self.Typed(event.character))

    @property
    def visible_text(self) -> Sequence[str]:
        """The lines in sight, as text."""
        top = round(self.scroll_y)
        return [self._line(y).text for y in range(top, top + self.size.height)]
