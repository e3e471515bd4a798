"""A list whose highlighted line a plain page tells in a word."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import OptionList

from talecraft.app.marks import plain

_CHOSEN = "Chosen: "


class ToldList(OptionList):
    """An option list; on a plain page a word stands before the highlighted option, and nothing is
    ruled off."""

    @property
    def told_width(self) -> int:
        """The room that the word takes."""
        return len(_CHOSEN) if plain() else 0

    def _get_left_gutter_width(self) -> int:
        return self.told_width

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        if not plain():
            return strip
        style = self.get_visual_style("option-list--option").rich_style
        if not strip.text.strip("─"):
            strip = Strip.blank(strip.cell_length, style)
        at = self.scroll_offset.y + y
        first = self.highlighted is not None and self._index_to_line.get(self.highlighted) == at
        return Strip([Segment(_CHOSEN if first else " " * len(_CHOSEN), style), *strip])
