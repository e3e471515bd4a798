"""The tree of a story as a list, a row a passage. What is not in sight is not laid out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from talecraft.app.marks import mark, plain
from talecraft.app.widgets.branches import row
from talecraft.app.widgets.drawn import DrawnView
from talecraft.studio.branching import Place

# Left of the rows: where one is, and which passage is marked.
_GUTTER = 3
_CHOSEN, _MARKED = "Chosen. ", "Marked. "


class TreeList(DrawnView, can_focus=True):
    """Shows places in the order given; one of them is the chosen one."""

    PREFIX = "tree"
    HELP = "The passages of the tree"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open", "Read",
                tooltip="Read the branch through it", id="tree.read"),
        Binding("slash", "screen.find", "Find",
                tooltip="Search all passages as you type", id="tree.find"),
        Binding("n", "screen.next_hit(1)", "Next", show=False,
                tooltip="The next passage found", id="tree.next_found"),
        Binding("N", "screen.next_hit(-1)", "Previous", show=False,
                tooltip="The passage found before", id="tree.found_before"),
        Binding("b", "screen.bookmark", "Bookmark",
                tooltip="Set a bookmark, or take it away", id="tree.bookmark"),
        Binding("x", "screen.prune", "Discard",
                tooltip="Put the passage into the trash with all that follows",
                id="passage.throw_away"),
        Binding("r", "screen.restore", "Restore",
                tooltip="Bring back what was thrown away", id="tree.restore"),
        Binding("t", "screen.trash", "Trash", show=False,
                tooltip="Show or hide what is in the trash", id="tree.trash"),
        Binding("m", "screen.mark", "Mark",
                tooltip="Mark a passage, to compare its branch with another", id="tree.mark"),
        Binding("d", "screen.compare", "Compare",
                tooltip="Compare the branch here with the marked one, or with what is read",
                id="tree.compare"),
        Binding("ctrl+z", "screen.undo", "Undo", show=False,
                tooltip="Undo the last step", id="story.undo"),
        Binding("ctrl+y", "screen.redo", "Redo", show=False,
                tooltip="Do it again", id="story.redo"),
        Binding("right_square_bracket", "screen.next_bookmark(1)", "Next bookmark", show=False,
                tooltip="To the next bookmark", id="tree.next_bookmark"),
        Binding("left_square_bracket", "screen.next_bookmark(-1)", "Last bookmark", show=False,
                tooltip="To the bookmark before", id="tree.bookmark_before"),
        Binding("left", "version(-1)", "Version before", show=False,
                tooltip="To the version before of the same passage", id="version.previous"),
        Binding("right", "version(1)", "Version after", show=False,
                tooltip="To the version after of the same passage", id="version.next"),
        Binding("up,k", "move(-1)", "Up", show=False,
                tooltip="To the passage above", id="tree.up"),
        Binding("down,j", "move(1)", "Down", show=False,
                tooltip="To the passage below", id="tree.down"),
        Binding("pageup", "page(-1)", "Page up", show=False,
                tooltip="A page up", id="page.up"),
        Binding("pagedown", "page(1)", "Page down", show=False,
                tooltip="A page down", id="page.down"),
        Binding("home", "far(0)", "First", show=False,
                tooltip="To the first passage", id="tree.first"),
        Binding("end", "far(-1)", "Last", show=False,
                tooltip="To the last passage", id="tree.last"),
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tree--line",
        "tree--open",
        "tree--other",
        "tree--trash",
        "tree--node",
        "tree--bar",
        "tree--facts",
        "tree--hit",
        "tree--chosen",
        "tree--chosen-focus",
    }

    class Moved(Message):
        """Another passage is the chosen one, or the chosen one has changed."""

    class Opened(Message):
        """The chosen passage was clicked once more."""

    def __init__(self) -> None:
        super().__init__(id="tree")
        self.places: Sequence[Place] = ()
        self.at = 0
        self.marked: int | None = None  # a turn's id
        self.hits: Sequence[int] = ()  # rows
        self._found: re.Pattern[str] | None = None

    # ------------------------------------------------------------------ what is shown
    @property
    def chosen(self) -> Place | None:
        return self.places[self.at] if self.places else None

    def show(self, places: Sequence[Place], turn_id: int | None) -> None:
        """Show these, this turn chosen; where it is not among them, what stands in its place."""
        rows = {place.turn.id: at for at, place in enumerate(places)}
        self.places = places
        self._look()
        self.virtual_size = Size(self.size.width, len(places))
        at = self.at if turn_id is None else rows.get(turn_id, self.at)
        self.choose(min(at, max(0, len(places) - 1)))
        self.refresh()

    def choose(self, at: int) -> None:
        """Choose the passage of this row and bring it into sight."""
        for changed in {self.at, at}:
            self.refresh_line(changed)
        self.at = at
        height = self.size.height
        top = round(self.scroll_y)
        if height and not top <= at < top + height:
            # A jump shows what stands around its end; a step moves the list by a row.
            near = at == top - 1 or at == top + height
            y = (at if at < top else at - height + 1) if near else at - height // 2
            self.scroll_to(y=max(0, y), animate=False, immediate=True, force=True)
        self.post_message(self.Moved())

    def jump(self, rows: Sequence[int], step: int) -> bool:
        """Choose the next of these rows, or the one before, around the end; False for none."""
        if not rows:
            return False
        beyond = [at for at in rows[::step] if (at - self.at) * step > 0]
        self.choose(beyond[0] if beyond else rows[::step][0])
        return True

    # ------------------------------------------------------------------ searching
    def find(self, text: str) -> None:
        """Look for `text` in every passage shown, whatever its case; nothing is looked for with
        an empty one."""
        words = r"\s+".join(map(re.escape, text.split()))
        self._found = re.compile(words, re.IGNORECASE) if words else None
        self._look()
        self.refresh()

    def matches(self, place: Place) -> bool:
        """Is what is searched for in the passage, or in its bookmark's name?"""
        found = self._found
        if found is None:
            return False
        return bool(found.search(place.turn.prose) or found.search(place.bookmark or ""))

    @property
    def searching(self) -> bool:
        return self._found is not None

    def _look(self) -> None:
        found = self._found
        self.hits = (
            [] if found is None else [at for at, one in enumerate(self.places) if self.matches(one)]
        )

    # ------------------------------------------------------------------ moving
    def action_move(self, step: int) -> None:
        if 0 <= self.at + step < len(self.places):
            self.choose(self.at + step)

    def action_page(self, step: int) -> None:
        if self.places:
            at = self.at + step * max(1, self.size.height - 1)
            self.choose(min(max(0, at), len(self.places) - 1))

    def action_far(self, at: int) -> None:
        if self.places:
            self.choose(at % len(self.places))

    def action_version(self, step: int) -> None:
        """To the next or previous version of this passage among those shown."""
        if self.chosen is None:
            return
        parent = self.chosen.turn.parent_id
        same = [(one.turn.id, at) for at, one in enumerate(self.places)
                if one.turn.parent_id == parent]  # fmt: skip
        rows = [at for _, at in sorted(same)]
        wanted = rows.index(self.at) + step
        if 0 <= wanted < len(rows):
            self.choose(rows[wanted])

    def on_click(self, event: events.Click) -> None:
        at = event.y + round(self.scroll_y)
        if at >= len(self.places):
            return
        if at == self.at:
            self.post_message(self.Opened())
        else:
            self.choose(at)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.places))
        if self.places:
            self.choose(self.at)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # ------------------------------------------------------------------ drawing
    @property
    def _gutter(self) -> int:
        return len(_CHOSEN + _MARKED) if plain() else _GUTTER

    def _told(self, at: int, marked: bool) -> str:
        """What the marks of the gutter say, in words."""
        words = (_CHOSEN if at == self.at else "") + (_MARKED if marked else "")
        return f"{words:<{self._gutter}}"

    def render_line(self, y: int) -> Strip:
        at, width = y + round(self.scroll_y), self.size.width
        if at >= len(self.places):
            return Strip.blank(width, self.style(""))
        place, chosen = self.places[at], at == self.at
        marked = place.turn.id == self.marked
        room = max(0, width - self._gutter - 1)
        shown = row(place, at == 0, room, self._found)
        how = self.style("trash" if place.pruned else "open" if place.open else "other")
        start, end = shown.hit
        gutter = mark(f"{'›' if chosen else ' '}{'m' if marked else ' '} ", self._told(at, marked))
        parts = [
            (gutter, self.style("bar")),
            (shown.lines, self.style("line")),
            (shown.node, self.style("node" if place.open and not place.pruned else "line")),
            (shown.bar, self.style("bar")),
            (shown.words[:start], how),
            (shown.words[start:end], how + self.style("hit")),
            (shown.words[end:], how),
            (shown.facts, self.style("facts")),
        ]
        under = Style()
        if chosen:
            under = Style(
                bgcolor=self.style(f"chosen{'-focus' * self.has_focus}").bgcolor,
                reverse=(self.app.no_color and self.has_focus) or None,
            )
        segments = [Segment(text, style + under) for text, style in parts if text]
        return Strip(segments).crop_extend(0, width, self.style("") + under)
