"""What the model is shown, stretch by stretch: a bar of its shares, and all of its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from talecraft.app.marks import mark, plain
from talecraft.app.text import MUTED, Span, count, said
from talecraft.app.widgets.lists import ToldList
from talecraft.story.turns import Source


class Look(msgspec.Struct, frozen=True):
    """How a source is told from the others: by a letter, a name and a colour of the theme."""

    letter: str
    name: str
    colour: str

    @property
    def bar(self) -> str:
        """Its share in the bar: the text's is the quiet one."""
        return f"$background on ${self.colour}" if self.letter != "T" else "$foreground on $panel"


LOOKS: dict[Source, Look] = {
    "form": Look("F", "The model's form", "foreground 60%"),
    "premise": Look("P", "Premise", "text-primary"),
    "memory": Look("M", "Memory", "text-secondary"),
    "character": Look("C", "Character", "text-success"),
    "lore": Look("L", "Lore", "text-accent"),
    "summary": Look("S", "The story so far", "text-warning"),
    "note": Look("N", "Your note to the model", "text-error"),
    "text": Look("T", "Text", "foreground"),
}


class Row(msgspec.Struct, frozen=True):
    """A stretch of the prompt; or, with `why`, what is not in it, or what is kept beside it."""

    source: Source
    name: str
    tokens: int
    text: str
    why: str = ""

    @property
    def title(self) -> str:
        look = LOOKS[self.source]
        if self.source == "text":
            many = "-" in self.name
            return f"Passage{'s' if many else ''} {self.name.replace('-', '–')}".strip()
        return f"{look.name}: {self.name}" if self.name else look.name


class ContextBar(Static):
    """The prompt's stretches in their order, each as wide as its share, and what is free."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(markup=False, id="context-bar")
        self._shares: Sequence[tuple[Source, int]] = ()
        self._budget = 0

    def show(self, rows: Sequence[Row], budget: int) -> None:
        shares: list[tuple[Source, int]] = []
        for row in rows:
            if row.why:
                continue
            if shares and shares[-1][0] == row.source:
                shares[-1] = row.source, shares[-1][1] + row.tokens
            else:
                shares.append((row.source, row.tokens))
        self._shares, self._budget = shares, budget
        self.display = bool(shares) and not plain()
        self.refresh(layout=True)

    def render(self) -> Content:
        width = self.size.width
        whole = max(1, self._budget, sum(tokens for _, tokens in self._shares))
        parts, at, told = list[Span](), 0, 0
        for source, tokens in self._shares:
            told += tokens
            end = max(at + 1, round(width * told / whole))
            look = LOOKS[source]
            cells = max(0, min(end, width) - at)
            parts.append((look.letter.center(cells)[:cells], look.bar))
            at += cells
        parts.append(("·" * max(0, width - at), MUTED))
        return said(*parts)


class ContextList(ToldList):
    """All stretches with their whole text, and below them what was left out."""

    HELP = "What the model sees"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", "Up", show=False,
                tooltip="To the part above", id="context.up"),
        Binding("down,j", "cursor_down", "Down", show=False,
                tooltip="To the part below", id="context.down"),
        Binding("home", "first", "First", show=False,
                tooltip="To the first part", id="context.first"),
        Binding("end", "last", "Last", show=False,
                tooltip="To the last part", id="context.last"),
        Binding("pageup", "page_up", "Page up", show=False,
                tooltip="A page up", id="context.page_up"),
        Binding("pagedown", "page_down", "Page down", show=False,
                tooltip="A page down", id="context.page_down"),
        Binding("enter,e", "select", "Change",
                tooltip="Change the memory, the entry, the note or the summary one is at",
                id="context.change"),
    ]  # fmt: skip

    class Moved(Message):
        """Another part is the chosen one."""

    class Asked(Message):
        """The chosen part is to be changed."""

    def __init__(self) -> None:
        super().__init__(markup=False, id="context")
        self._rows: Sequence[Row] = ()

    @property
    def row(self) -> Row | None:
        """The chosen one."""
        at = self.highlighted
        return self._rows[at] if at is not None and at < len(self._rows) else None

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    def show(self, rows: Sequence[Row]) -> None:
        """These, with the same one chosen as before, where it is still there."""
        before = self.row
        self._rows = rows
        self.clear_options()
        self.add_options([Option(_prompt(row)) for row in rows])
        if rows:
            same = [
                at for at, row in enumerate(rows)
                if before is not None and (row.source, row.name) == (before.source, before.name)
            ]  # fmt: skip
            self.highlighted = same[0] if same else 0

    def choose(self, source: Source, name: str = "") -> None:
        """The part of this source, where there is one."""
        for at, row in enumerate(self._rows):
            if row.source == source and (not name or row.name == name):
                self.highlighted = at
                return

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.post_message(self.Moved())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(self.Asked())


def _prompt(row: Row) -> Content:
    """Its letter and name, how long it is or why it is not there; then every word of it."""
    look = LOOKS[row.source]
    facts = [count(row.tokens, "token")] if row.tokens else []
    if row.why:
        facts.append(f"left out: {row.why}" if row.tokens or row.source == "text" else row.why)
    told = f"{mark('   ', ': ')}{mark(' · ', ', ').join(facts)}" if facts else ""
    parts: list[Span] = [
        (mark(f"{look.letter}  "), f"bold ${look.colour}"),
        (row.title, f"bold ${look.colour}"),
        (told, MUTED),
    ]
    text = row.text.rstrip("\n").strip("\n")
    if text:
        parts.append((f"\n{text}", MUTED if row.why else "$foreground"))
    parts.append("\n")
    return said(*parts)
