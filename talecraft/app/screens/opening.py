"""A new story: three lines to choose from, or one's own."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option

from talecraft.app.keymap import hint
from talecraft.app.screens.drafts import DraftScreen
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.composer import Composer
from talecraft.app.widgets.lists import ToldList
from talecraft.app.widgets.wrapping import wrap
from talecraft.errors import TalecraftError
from talecraft.story.clean import clean, clean_line
from talecraft.studio.opening import opening_lines

LINES = 3
TAKE_SECONDS = 0.5
_MEASURE = 72
_SHORT = 22  # rows below which the lines need the room of the words above them
_WELCOME = (
    "You and a model write a story in turns. You see its plan before its prose; you score what it"
    " writes, and when you ask it to, it learns from your scores. All of it stays on this machine."
)


class OpeningComposer(Composer):
    """While it is empty, 1 to 3 and the arrows choose among the opening lines."""

    HELP = "The first line"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(n), f"screen.take({n})", "Choose", show=False,
                    tooltip="In an empty composer: begin with that line", id=f"opening.line_{n}")
            for n in range(1, LINES + 1)
        ),
        Binding("up", "line_up", "Line up", show=False,
                tooltip="In an empty composer: the line above", id="opening.up"),
        Binding("down", "line_down", "Line down", show=False,
                tooltip="In an empty composer: the line below", id="opening.down"),
    ]  # fmt: skip

    async def action_line_up(self) -> None:
        await self._line(-1)

    async def action_line_down(self) -> None:
        await self._line(1)

    async def _line(self, step: int) -> None:
        """Among the opening lines while there is no text, in the text otherwise."""
        if not self.text:
            await self.run_action(f"screen.move({step})")
        elif step < 0:
            self.action_cursor_up()
        else:
            self.action_cursor_down()


class OpeningScreen(DraftScreen):
    """Where a story begins. Choosing a line or sending one's own opens its page and writes on."""

    PAGE = True
    SHOWN_BY = "new_story"
    HELP = "A new story"
    COMMAND_WIDGETS = ("#composer",)
    AUTO_FOCUS = "#composer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "others", "Others",
                tooltip="Three other lines to choose from", id="opening.others"),
        Binding("escape", "leave", "Library",
                tooltip="Back to the library; the line is kept", id="app.back"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._digits = ""  # pressed to choose, while they may still begin a text
        self._take_timer: Timer | None = None

    def body(self) -> ComposeResult:
        with Vertical(id="opening"):
            first = not self.talecraft.studio.library.stories.list()
            heading = "Welcome to Talecraft" if first else "A new story"
            yield Static(said((heading, "bold $text-primary")), classes="heading")
            if first:
                yield Static(said(_WELCOME), classes="subheading")
            yield Static(said((_choose(), MUTED)), classes="subheading")
            yield ToldList(id="lines", markup=False)
        yield OpeningComposer("Or write your own first line …")

    def on_mount(self) -> None:
        self.action_others()
        self.show_draft(self.talecraft.studio.library.stories.opening_draft())

    def action_others(self) -> None:
        """Offer three other lines."""
        self._lines = opening_lines(LINES, self.talecraft.opening_seed)
        self._show_lines(0)

    def on_resize(self) -> None:
        self.set_class(self.size.height < _SHORT, "-short")
        if self._lines:
            self._show_lines(self.query_one(OptionList).highlighted)

    def _show_lines(self, highlighted: int | None) -> None:
        lines = self.query_one(OptionList)
        lines.clear_options()
        for number, line in enumerate(self._lines, 1):
            if number > 1:
                lines.add_option(None)
            lines.add_option(Option(self._prompt(number, line)))
        lines.highlighted = highlighted

    def _prompt(self, number: int, line: str) -> Content:
        """Numbered, its further lines under its first."""
        room = self.size.width - 10 - self.query_one(ToldList).told_width
        wrapped = wrap(clean_line(line), min(_MEASURE, room))
        text = "\n   ".join(text for text, _ in wrapped)
        return said((f"{hint(f'opening.line_{number}', str(number))}  ", "bold $text-accent"), text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("take", "move"):
            return not self.query_one(Composer).text
        return super().check_action(action, parameters)

    # ------------------------------------------------------------------ choosing
    def action_take(self, number: int) -> None:
        """Choose a line; it is taken a moment later, unless a text goes on from the digit."""
        self.query_one(OptionList).highlighted = number - 1
        self._digits += str(number)
        self._stop_timer()
        self._take_timer = self.set_timer(TAKE_SECONDS, self._take)

    def _take(self) -> None:
        self._digits = ""
        self._begin_with(self._lines[self.query_one(OptionList).highlighted or 0])

    def _stop_timer(self) -> None:
        if self._take_timer is not None:
            self._take_timer.stop()
            self._take_timer = None

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        super().on_text_area_changed(event)
        digits, self._digits = self._digits, ""
        self._stop_timer()
        if digits and event.text_area.text:
            self.composer.move_cursor((0, 0))
            self.composer.type_in(digits)
            self.composer.move_cursor(self.composer.document.end)

    def action_move(self, step: int) -> None:
        lines = self.query_one(OptionList)
        lines.highlighted = ((lines.highlighted or 0) + step) % max(1, lines.option_count)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._begin_with(self._lines[event.option_index])

    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        self._stop_timer()
        if event.text.strip():
            self._begin_with(event.text, event.text)
        else:
            self._begin_with(self._lines[self.query_one(OptionList).highlighted or 0])

    def _begin_with(self, premise: str, sent: str = "") -> None:
        """Make the story, open its page and let the model write its first passage.

        What stands in the composer beside what was `sent` from it, a line of one's own or letters
        of the same burst, goes along to the new page.
        """
        app = self.talecraft
        if not self.is_current:  # of two Enters in one burst this is the second
            return
        try:
            rest = clean(self.composer.text.removeprefix(sent))
            story = app.studio.writing.new_story(premise)
            if rest.strip():
                app.studio.library.stories.save_draft(story.id, rest)
        except TalecraftError as error:
            app.tell(error)
            return
        self.show_draft("")
        self._forget_draft()
        app.open_story(story.id, begin=app.live is None)

    # ------------------------------------------------------------------ leaving
    def store_draft(self, text: str) -> None:
        self.talecraft.studio.library.stories.save_opening_draft(text)

    def _forget_draft(self) -> None:
        try:
            self.store_draft("")
        except TalecraftError as error:
            self.talecraft.tell(error)

    def action_leave(self) -> None:
        if self.save_draft():
            self.app.pop_screen()


def _choose() -> str:
    one, two, three = (hint(f"opening.line_{n}", str(n)) for n in range(1, LINES + 1))
    return f"Begin with a line: choose one with {one}, {two} or {three}, or write your own below."
