"""The list of settings: a row each, edited where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from talecraft.app.marks import mark, plain
from talecraft.app.text import MUTED, said
from talecraft.config.entries import AUTOMATIC, Entry

VALUE, WORDS = 22, 12  # cells of a value; the fewest in which the meaning is begun


class Row(Widget):
    """One setting: its name, its value, what it means. One widget, so that a screen full of them
    opens at once; a field that is put into it lies over the value."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(classes="setting")
        self.entry = entry
        self.value: tuple[str, str] = ("", "")  # and its style

    def render(self) -> Content:
        chosen = self.has_class("-chosen")
        before = mark("  ", "Chosen: " if chosen else "        ")  # plain: a word tells it
        name = said(before, (self.entry.name, "reverse" if chosen and self.app.no_color else ""))
        cells = [
            name.truncate(31 if plain() else 23, pad=True),
            said(self.value).truncate(VALUE, ellipsis=True, pad=True),
        ]
        room = self.content_size.width - sum(cell.cell_length for cell in cells)
        if room >= WORDS:
            cells.append(said((self.entry.description, MUTED)).truncate(room, ellipsis=True))
        return Content("").join(cells)

    def choose(self, chosen: bool) -> None:
        self.set_class(chosen, "-chosen")
        self.refresh()

    def show(self, value: str, changed: bool) -> None:
        """A value that is not the default has a mark before it."""
        words = mark("• " if changed else "  ", "yours: " if changed else "") + value
        self.value = (words, "bold" if changed else MUTED if value == AUTOMATIC else "")
        self.refresh()


class SettingsList(VerticalScroll, can_focus=True):
    """All settings by section. It edits; what is typed is checked and kept by the screen."""

    HELP = "The list of settings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "change", "Change",
                tooltip="Change the chosen setting", id="settings.change"),
        Binding("d,delete", "default", "Default",
                tooltip="Take it back to its default", id="settings.default"),
        Binding("escape", "leave_it", "Leave it",
                tooltip="Leave the value as it was", id="dialog.cancel"),
        Binding("up", "choose(-1)", "Setting up", show=False,
                tooltip="The setting above", id="settings.up"),
        Binding("down", "choose(1)", "Setting down", show=False,
                tooltip="The setting below", id="settings.down"),
        Binding("pageup", "choose(-8)", "Up", show=False,
                tooltip="Some settings up", id="settings.far_up"),
        Binding("pagedown", "choose(8)", "Down", show=False,
                tooltip="Some settings down", id="settings.far_down"),
        Binding("home", "choose(-999)", "First", show=False,
                tooltip="The first setting", id="settings.first"),
        Binding("end", "choose(999)", "Last", show=False,
                tooltip="The last setting", id="settings.last"),
    ]  # fmt: skip

    class Chosen(Message):
        """Another setting is the chosen one."""

        def __init__(self, entry: Entry) -> None:
            self.entry = entry
            super().__init__()

    class Changing(Message):
        """The chosen setting is to be changed: it is no value that is typed, or not yet."""

        def __init__(self, entry: Entry) -> None:
            self.entry = entry
            super().__init__()

    class Typed(Message):
        """A value was typed; None asks for the default."""

        def __init__(self, entry: Entry, text: str | None) -> None:
            self.entry, self.text = entry, text
            super().__init__()

    def __init__(self, sections: Sequence[tuple[str, str, Sequence[Entry]]]) -> None:
        """`sections`: each its title, what it is for, its settings."""
        super().__init__(id="settings")
        self._sections = sections
        self._at = 0

    def compose(self) -> ComposeResult:
        for at, (title, about, entries) in enumerate(self._sections):
            words = said((title, "bold $text-accent"), (f"   {about}", MUTED))
            yield Static(words, classes="setting-section" + (" -first" if at == 0 else ""))
            yield from map(Row, entries)

    def on_mount(self) -> None:
        self._rows = list(self.query(Row))
        self._choose(0)

    # ------------------------------------------------------------------ what is shown
    def row(self, entry: Entry) -> Row:
        return next(row for row in self._rows if row.entry == entry)

    @property
    def chosen(self) -> Entry:
        return self._rows[self._at].entry

    @property
    def editor(self) -> Input | None:
        """The field a value is being typed into."""
        return next(iter(self.query(Input)), None)

    def choose(self, entry: Entry) -> None:
        self._choose(self._rows.index(self.row(entry)))

    def _choose(self, at: int) -> None:
        self._rows[self._at].choose(False)
        self._at = min(max(at, 0), len(self._rows) - 1)
        self._rows[self._at].choose(True)
        first = self._at == 0  # with the title of its section
        self.scroll_to_widget(self._rows[self._at], animate=False, top=False)
        if first:
            self.scroll_home(animate=False)
        self.post_message(self.Chosen(self.chosen))

    # ------------------------------------------------------------------ keys and mouse
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("change", "default", "choose"):
            return self.editor is None
        if action == "leave_it":
            return self.editor is not None
        return super().check_action(action, parameters)

    def action_choose(self, step: int) -> None:
        self._choose(self._at + step)

    def action_change(self) -> None:
        self.post_message(self.Changing(self.chosen))

    def action_default(self) -> None:
        self.post_message(self.Typed(self.chosen, None))

    async def action_leave_it(self) -> None:
        await self.stop_editing()

    async def on_click(self, event: events.Click) -> None:
        """A click chooses; one on the chosen setting changes it."""
        row = next((one for one in self._rows if one.region.contains(*event.screen_offset)), None)
        if row is None or (self.editor is not None and row.entry == self.chosen):
            return
        await self.stop_editing()
        if row.entry == self.chosen:
            self.action_change()
        else:
            self.choose(row.entry)

    # ------------------------------------------------------------------ typing a value
    async def edit(self, value: str) -> None:
        """Type another value for the chosen setting, from this one on."""
        row = self._rows[self._at]
        empty = AUTOMATIC if row.entry.optional else ""
        field = Input(value, empty, select_on_focus=True, compact=True, max_length=200)
        row.add_class("-editing")
        await row.mount(field)
        field.focus()

    async def stop_editing(self) -> None:
        if (field := self.editor) is not None:
            self._rows[self._at].remove_class("-editing")
            await field.remove()
            self.focus()
            self.screen.refresh_bindings()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Typed(self.chosen, event.value))
