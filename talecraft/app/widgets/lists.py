"""A list that tells its highlighted line without colours, and on a plain page in a word."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widgets import OptionList

from talecraft.app.marks import plain

_CHOSEN = "Chosen: "
_REVERSED = Style(reverse=True)


class ToldList(OptionList):
    """An option list; on a plain page a word stands before the highlighted option, and nothing is
    ruled off. Without colours it is reversed: here, for Textual's styles of options cannot be."""

    @property
    def told_width(self) -> int:
        """The room that the word takes."""
        return len(_CHOSEN) if plain() else 0

    def _get_left_gutter_width(self) -> int:
        return self.told_width

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        at = self.scroll_offset.y + y
        option, line = self._lines[at] if at < len(self._lines) else (None, 0)
        chosen = option is not None and option == self.highlighted
        if not strip.text.strip("─"):  # a rule, or nothing
            chosen = False
            if plain() or self.app.no_color:  # a rule is drawn in a shade that one hardly sees
                strip = Strip.blank(strip.cell_length)
        if chosen and self.has_focus and self.app.no_color:
            strip = strip.apply_style(_REVERSED)
        if plain():
            word = _CHOSEN if chosen and line == 0 else " " * len(_CHOSEN)
            style = self.get_visual_style("option-list--option").rich_style
            strip = Strip([Segment(word, style), *strip])
        return strip
