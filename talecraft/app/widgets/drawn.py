"""What all views share that are drawn line by line: the styles of their component classes."""

from __future__ import annotations

from typing import ClassVar

from rich.style import Style
from textual.scroll_view import ScrollView


class DrawnView(ScrollView):
    """A scroll view whose `style("name")` is that of its component class `PREFIX--name`, the
    view's own for ''. They are looked up once and again when the theme changes."""

    PREFIX: ClassVar[str] = ""
    _known: dict[str, Style] | None = None

    def notify_style_update(self) -> None:
        self._known = None
        super().notify_style_update()

    def style(self, name: str) -> Style:
        if self._known is None:
            self._known = {}
        if name not in self._known:
            wanted = f"{self.PREFIX}--{name}"
            self._known[name] = self.get_component_rich_style(wanted) if name else self.rich_style
        return self._known[name]
