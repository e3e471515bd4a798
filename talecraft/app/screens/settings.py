"""The settings: every key of config.toml, what it means, and how to change it."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from talecraft.app import preferring
from talecraft.app.marks import mark
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.screens.dialogs import Choose
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.settings import SettingsList
from talecraft.config.entries import AUTOMATIC, Entry, about, find


class SettingsScreen(TalecraftScreen):
    """What is changed here is written to config.toml at once and holds.

    With a `key` that one is asked for as soon as the screen is there.
    """

    SHOWN_BY = "settings"
    HELP = "The settings"
    COMMAND_WIDGETS = ("#settings",)
    AUTO_FOCUS = "#settings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", tooltip="Back to where you were", id="app.back"),
    ]  # fmt: skip

    def __init__(self, key: str = "") -> None:
        super().__init__()
        self._key = key

    def body(self) -> ComposeResult:
        entries = self.talecraft.studio.preferences.entries
        sections = [
            (name.capitalize(), about(name), list(found))
            for name, found in groupby(entries, lambda entry: entry.section)
        ]
        with Vertical(id="settings-body"):
            yield Static(said(("Settings", "bold $text-primary")), classes="heading")
            yield SettingsList(sections)
            yield Static(markup=False, id="setting-detail")

    def on_mount(self) -> None:
        preferring.look(self.talecraft)
        self.settings_changed()
        if self._key:
            self.edit(self._key)

    @property
    def _list(self) -> SettingsList:
        return self.query_one(SettingsList)

    # ------------------------------------------------------------------ what is shown
    def settings_changed(self) -> None:
        preferences = self.talecraft.studio.preferences
        for entry in preferences.entries:
            value = preferences.value(entry)
            self._list.row(entry).show(entry.words(value), value != entry.default)
        self._detail()

    def on_settings_list_chosen(self) -> None:
        self._detail()

    def _detail(self) -> None:
        entry, preferences = self._list.chosen, self.talecraft.studio.preferences
        facts = (
            preferences.range(entry),
            f"default: {entry.words(entry.default)}",
            f"holds {preferences.holds(entry)}",
        )
        self.query_one("#setting-detail", Static).update(
            said(
                (entry.key, "bold"),
                "   ",
                entry.description,
                "\n",
                (mark(" · ", ", ").join(facts), MUTED),
            )
        )

    # ------------------------------------------------------------------ changing
    def edit(self, key: str) -> None:
        """Choose this setting and change it."""
        self._list.choose(find(key))
        self._list.action_change()

    async def on_settings_list_changing(self, event: SettingsList.Changing) -> None:
        entry, preferences = event.entry, self.talecraft.studio.preferences
        value, choices = preferences.value(entry), preferences.choices(entry)
        if entry.kind == "switch":
            preferring.prefer(self.talecraft, entry, "false" if value else "true")
        elif choices:
            self._ask(entry, ([AUTOMATIC] if entry.optional else []) + list(choices))
        else:
            await self._list.edit("" if value is None else entry.words(value))

    async def on_settings_list_typed(self, event: SettingsList.Typed) -> None:
        """A value that will not do stays where it was typed."""
        if preferring.prefer(self.talecraft, event.entry, event.text):
            await self._list.stop_editing()

    def _ask(self, entry: Entry, choices: list[str]) -> None:
        app, colours = self.talecraft, entry.key == "page.theme"
        now = entry.words(app.studio.preferences.value(entry))
        if colours:
            choices = [one for one in choices if one in app.available_themes]

        def preview(name: str) -> None:
            if colours:
                app.theme = name

        def chosen(name: str | None) -> None:
            if name is None or not preferring.prefer(app, entry, name):
                preview(now)

        app.push_screen(Choose(entry.name.capitalize(), choices, now, preview), chosen)

    def action_leave(self) -> None:
        self.app.pop_screen()
