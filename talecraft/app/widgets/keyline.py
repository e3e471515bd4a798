"""The footer: the keys that work at this moment, whole entries only, each one clickable.

The way out, the help and the palette are always named; of the rest as many as there is room for.
"""

from __future__ import annotations

from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from talecraft.app.text import said


class Entry(NamedTuple):
    """One key: how it is shown, what it does, and the key itself."""

    shown: str
    words: str
    key: str
    kept: bool  # named before the others where there is no room for all

    @property
    def width(self) -> int:
        return len(self.shown) + 1 + len(self.words)


class KeyLine(Static):
    """One widget, one line: it costs a screen next to nothing to keep it true."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._entries: list[Entry] = []
        self._palette: Entry | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        if not (self.is_attached and screen.is_attached):
            return
        entries: dict[str, Entry] = {}
        palette = None
        for key, active in screen.active_bindings.items():
            binding = active.binding
            kept = key == "escape" or binding.action == "help"
            entry = Entry(self.app.get_key_display(binding), binding.description, key, kept)
            if binding.action == "command_palette" and active.enabled:
                palette = entry
            elif binding.show and active.enabled:
                entries.setdefault(binding.action, entry)
        if (list(entries.values()), palette) != (self._entries, self._palette):
            self._entries, self._palette = list(entries.values()), palette
            self.refresh()

    def _placed(self) -> list[tuple[int, Entry]]:
        """What there is room for, and where: the palette at the right end, the rest before it."""
        room, placed, x = self.size.width, [], 0
        if self._palette is not None and self._palette.width <= room:
            room -= self._palette.width
            placed.append((room, self._palette))
        room -= len(placed)
        whole = sum(entry.width for entry in self._entries)
        gap = 2 if whole + 2 * len(self._entries) <= room else 1
        kept = sum(entry.width + gap for entry in self._entries if entry.kept)
        full = False
        for entry in self._entries:
            if entry.kept:
                kept -= entry.width + gap
            elif full or x + entry.width + kept > room:
                full = True
                continue
            if x + entry.width > room:
                break
            placed.append((x, entry))
            x += entry.width + gap
        return sorted(placed)

    def render(self) -> Content:
        parts: list[Content] = []
        end = 0
        for x, entry in self._placed():
            parts.append(
                said(" " * (x - end), (entry.shown, "bold $text-primary"), f" {entry.words}")
            )
            end = x + entry.width
        return Content.assemble(*parts)

    def on_click(self, event: events.Click) -> None:
        """A click does what the key does."""
        for x, entry in self._placed():
            if x <= event.x - self.gutter.left < x + entry.width:
                self.app.simulate_key(entry.key)
