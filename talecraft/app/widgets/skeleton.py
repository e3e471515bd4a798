"""The story's skeleton: the plans of all passages of the open branch, to jump by. What is not in
sight is not laid out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar, NamedTuple

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input, Static

from talecraft.app.text import MUTED, beats, count, said
from talecraft.app.widgets.drawn import DrawnView
from talecraft.app.widgets.outline import KEPT, LEFT
from talecraft.story.clean import clean_line
from talecraft.story.turns import Turn

_BAR, _CHOSEN = "▎", "›"
_FIRST = 200  # characters of a passage without a plan that are looked at


class Bone(NamedTuple):
    """One passage: where it stands in the page's path, and its beats, or its first words."""

    passage: int
    turn: Turn
    lines: Sequence[str]
    planned: bool


def bone(passage: int, turn: Turn) -> Bone:
    """The plan of the model's passages, the first words of the writer's and of those without."""
    found = beats(turn.outline) if turn.author == "model" else []
    return Bone(passage, turn, found or [clean_line(turn.prose[:_FIRST])], bool(found))


class SkeletonList(DrawnView, can_focus=True, inherit_bindings=False):
    """The bones, each as many rows as it has beats; one of them is the chosen one."""

    PREFIX = "skeleton"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "skeleton--number",
        "skeleton--mark",
        "skeleton--words",
        "skeleton--chosen",
        "skeleton--chosen-focus",
    }

    class Moved(Message):
        """Another passage is the chosen one."""

    class Opened(Message):
        """The chosen passage was clicked once more."""

    def __init__(self) -> None:
        super().__init__(id="skeleton-list")
        self.at = 0
        self.went_to = 0  # the passage that was gone to last; a search begins and ends there
        self.bones: Sequence[Bone] = ()
        self._tops: Sequence[int] = (0,)
        self._taken: dict[tuple[str, str], list[bool]] = {}  # by plan and prose

    # ------------------------------------------------------------------ what is shown
    @property
    def chosen(self) -> Bone | None:
        return self.bones[self.at] if self.at < len(self.bones) else None

    def show(self, bones: Sequence[Bone]) -> None:
        """Show these; chosen is the one that was gone to last, or the next one before it."""
        self.bones = bones
        self._tops = list(accumulate((len(one.lines) for one in bones), initial=0))
        self.virtual_size = Size(self.size.width, self._tops[-1])
        at = bisect_right(bones, self.went_to, key=lambda one: one.passage) - 1
        self.choose(max(0, at))
        self.refresh()

    def choose(self, at: int) -> None:
        """Choose the bone at this place and bring all of it into sight, if there is room."""
        self.at = at
        if self.size.height and self.bones:
            first, after = self._tops[at], self._tops[at + 1]
            top, height = round(self.scroll_y), self.size.height
            if first < top or after > top + height:
                near = after >= top - 1 and first <= top + height
                y = (first - height // 2) if not near else min(first, after - height)
                y = first if near and first < top else y
                self.scroll_to(y=max(0, y), animate=False, immediate=True, force=True)
        self.refresh()

    def move(self, step: int) -> None:
        """Up or down by so many passages, as far as there are any."""
        if self.bones:
            at = min(max(0, self.at + step), len(self.bones) - 1)
            if at != self.at:
                self.choose(at)
                self.went_to = self.bones[at].passage
                self.post_message(self.Moved())

    def page(self, step: int) -> None:
        """To the passage that stands a page further up or down."""
        row = self._tops[self.at] + step * max(1, self.size.height - 1)
        at = min(max(0, self._of(row)), len(self.bones) - 1)
        self.move((at - self.at) or step)

    def _of(self, row: int) -> int:
        """The bone that this row belongs to."""
        return bisect_right(self._tops, max(0, row)) - 1

    def on_click(self, event: events.Click) -> None:
        at = self._of(event.y + round(self.scroll_y))
        if at >= len(self.bones):
            return
        if at == self.at:
            self.post_message(self.Opened())
        else:
            self.move(at - self.at)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, self._tops[-1])
        self.choose(self.at)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    # ------------------------------------------------------------------ drawing
    def _kept(self, one: Bone) -> list[bool]:
        """Which of its beats the prose took up; told of those in sight only."""
        from talecraft.story.words import kept  # a stemmer, which the first frame need not wait for

        key = one.turn.outline, one.turn.prose
        if key not in self._taken:
            self._taken[key] = [bool(kept(beat, one.turn.prose)) for beat in one.lines]
        return self._taken[key]

    def render_line(self, y: int) -> Strip:
        row, width = y + round(self.scroll_y), self.scrollable_content_region.width
        at = self._of(row)
        if at >= len(self.bones):
            return Strip.blank(width, self.style(""))
        one, line = self.bones[at], row - self._tops[at]
        chosen = at == self.at
        digits = len(str(self.bones[-1].passage + 1))
        number = f"{one.passage + 1:>{digits}}" if line == 0 else " " * digits
        if one.planned:
            mark = KEPT if self._kept(one)[line] else LEFT
        else:
            mark = _BAR if one.turn.author == "writer" else " "
        room = max(1, width - digits - 5)
        words = _fit(one.lines[line], room)
        parts = [
            (f"{_CHOSEN if chosen and line == 0 else ' '} ", "mark"),
            (f"{number} ", "number"),
            (f"{mark} ", "mark"),
            (words, "words"),
        ]
        under = Style()
        if chosen:
            name = f"chosen{'-focus' * self.screen.query_one(Skeleton).has_focus_within}"
            under = Style(bgcolor=self.style(name).bgcolor)
        segments = [Segment(text, self.style(how) + under) for text, how in parts]
        return Strip(segments).crop_extend(0, width, self.style("") + under)


def _fit(text: str, room: int) -> str:
    """One line of at most `room` cells; what is cut off ends in an ellipsis."""
    if len(text) * 2 <= room:
        return text
    fitted = set_cell_size(text, room)
    return text if fitted.startswith(text) else set_cell_size(text, room - 1).rstrip() + "…"


class Skeleton(Vertical):
    """The pane: how many passages, what is looked for, and the list."""

    HELP = "The skeleton (s from the manuscript)"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.jump", "Read here", id="skeleton.jump",
                tooltip="Close the skeleton and read at the chosen passage"),
        Binding("slash", "screen.find_bones", "Find", id="skeleton.find",
                tooltip="Show only passages with these words, as you type"),
        Binding("escape", "screen.end_find_bones", "All passages", id="skeleton.all",
                tooltip="End the search, show all passages again"),
        Binding("escape,s", "screen.close_skeleton", "Back", id="skeleton.back",
                tooltip="Close the skeleton, back to where you were reading"),
        Binding("up,k", "move(-1)", "Up", show=False, id="skeleton.up",
                tooltip="To the passage above; the text follows"),
        Binding("down,j", "move(1)", "Down", show=False, id="skeleton.down",
                tooltip="To the passage below; the text follows"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="skeleton.page_up",
                tooltip="A page up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="skeleton.page_down",
                tooltip="A page down"),
        Binding("home", "move(-1_000_000)", "First", show=False, id="skeleton.first",
                tooltip="To the first passage"),
        Binding("end", "move(1_000_000)", "Last", show=False, id="skeleton.last",
                tooltip="To the last passage"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__(id="skeleton")
        self._all: Sequence[Bone] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="skeleton-head", markup=False)
        yield SkeletonList()
        yield Input(placeholder="Find in the plans", compact=True, id="bones", max_length=200)

    def on_mount(self) -> None:
        self.display = self._line.display = False

    @property
    def list(self) -> SkeletonList:
        return self.query_one(SkeletonList)

    @property
    def _line(self) -> Input:
        return self.query_one("#bones", Input)

    @property
    def finding(self) -> bool:
        return self._line.display

    def show(self, turns: Sequence[Turn], passage: int) -> None:
        """Show these passages, this one chosen."""
        known = {(one.passage, one.turn.id, one.turn.prose): one for one in self._all}
        self._all = [
            known.get((at, turn.id, turn.prose)) or bone(at, turn) for at, turn in enumerate(turns)
        ]
        self.list.went_to = min(passage, len(turns) - 1)
        self._show()

    def _show(self) -> None:
        words = " ".join(self._line.value.split()).casefold() if self.finding else ""
        found = [one for one in self._all if not words or _has(one, words)]
        self.list.show(found)
        total = count(len(self._all), "passage")
        self.query_one("#skeleton-head", Static).update(
            said(("Skeleton", "bold"), (f"   {f'{len(found):,} of ' * bool(words)}{total}", MUTED))
        )

    def find(self, on: bool) -> None:
        """Open the line to type what is looked for, or end the search."""
        self._line.value = ""
        self._line.display = on
        (self._line if on else self.list).focus()
        self._look()

    def _look(self) -> None:
        self._show()
        self.post_message(SkeletonList.Moved())

    def close(self) -> None:
        """Nothing is shown, and nothing looked for, until the next time."""
        self._line.value = ""
        self.display = self._line.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.finding:
            self._look()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        await self.run_action("screen.jump")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("move", "page"):
            return self.display
        return super().check_action(action, parameters)

    def action_move(self, step: int) -> None:
        self.list.move(step)

    def action_page(self, step: int) -> None:
        self.list.page(step)


def _has(one: Bone, words: str) -> bool:
    return any(words in line.casefold() for line in one.lines)
