"""A passage as its tokens: flowing prose in which one of them is picked, and what else might have
stood in its place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets.option_list import Option

from talecraft.app.marks import mark, plain
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.drawn import DrawnView
from talecraft.app.widgets.lists import ToldList
from talecraft.app.widgets.token_rows import (
    END_OF_LINE,
    Row,
    Stretch,
    anchors,
    first_word,
    nearest,
    of_tags,
    rows,
)
from talecraft.app.widgets.wrapping import NARROWEST
from talecraft.process.messages import Candidate, TokenOdds
from talecraft.story.clean import clean

MEASURE = 72
SURPRISING = 0.1
_GUTTER = 3
_SPACE, _BROKEN = "␣", "\ufffd"
# From which probability on a token is drawn so; the last is for all below.
STEPS = (("sure", 0.5), ("likely", 0.1), ("unlikely", 0.01), ("rare", 0.0))
_LABEL, _BAR = 21, 6  # columns of an alternative's text, and of the bar of a sure one
_EIGHTHS = "▏▎▍▌▋▊▉"


def share(logprob: float) -> float:
    return math.exp(min(0.0, logprob))


def percent(probability: float) -> str:
    """`41 %`, `3.2 %`, `< 0.1 %`; certain only what is."""
    hundreds = 100 * probability
    if hundreds >= 99.5:
        return "> 99 %"
    if hundreds >= 9.95:
        return f"{hundreds:.0f} %"
    return f"{hundreds:.1f} %" if hundreds >= 0.1 else "< 0.1 %"


def label(text: str) -> str:
    """A token's text so that nothing of it is invisible."""
    text = clean(text)
    if not text:
        return "(not printable)"
    if not text.strip(_BROKEN):
        return "(part of a character)"
    spaces, ends = mark(_SPACE, "(space)"), mark(END_OF_LINE, "(end of line)")
    return text.replace(" ", spaces).replace("\n", ends)


def step_of(probability: float) -> str:
    return next(name for name, least in STEPS if probability >= least)


class TokenFlow(DrawnView, can_focus=True):
    """Tokens in lines, each as likely as it looks; the picked one is reversed."""

    PREFIX = "tokens"
    HELP = "The tokens"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Before", show=False, id="tokens.before",
                tooltip="To the token before"),
        Binding("right", "move(1)", "Next", show=False, id="tokens.next",
                tooltip="To the next token"),
        Binding("up", "climb(-1)", "Up", show=False, id="tokens.up",
                tooltip="To the line above"),
        Binding("down", "climb(1)", "Down", show=False, id="tokens.down",
                tooltip="To the line below"),
        Binding("home", "edge(-1)", "First", show=False, id="tokens.first",
                tooltip="To the first token"),
        Binding("end", "edge(1)", "Last", show=False, id="tokens.last",
                tooltip="To the last token"),
        Binding("n", "surprise(1)", "Next surprise", id="tokens.surprise",
                tooltip="To the next token that was less likely than 10 %"),
        Binding("N", "surprise(-1)", "Surprise before", show=False, id="tokens.surprise_before",
                tooltip="To the one before that was less likely than 10 %"),
        Binding("enter", "screen.to_choices", "Alternatives", id="tokens.choices",
                tooltip="To what else might have stood there"),
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"tokens--{name}" for name, _ in STEPS),
        "tokens--end",
        "tokens--tag",
        "tokens--picked",
    }

    class Picked(Message):
        """Another token is the picked one."""

    def __init__(self) -> None:
        super().__init__(id="tokens")
        self.picked = 0
        self._first = 0
        self._tokens: Sequence[TokenOdds] = ()
        self._rows: Sequence[Row] = ()
        self._anchors: Sequence[int] = ()
        self._tags: frozenset[int] = frozenset()

    def show(
        self, tokens: Sequence[TokenOdds], first: int, prose: int, tags: Sequence[str] = ()
    ) -> None:
        """Show the tokens from `first` on, those of `tags` quietly; the first word from the token
        `prose` on is picked."""
        self._tokens, self._first = tokens, first
        self._anchors = anchors(tokens)
        texts = [clean(one.text) for one in tokens]
        self._tags = of_tags(texts, tags)
        self._lay_out()
        self._pick(first_word(texts, prose, self._tags))

    @property
    def odds(self) -> TokenOdds | None:
        """The picked one."""
        return self._tokens[self.picked] if self._first <= self.picked < len(self._tokens) else None

    # ------------------------------------------------------------------ layout
    def _lay_out(self) -> None:
        width = max(NARROWEST, min(MEASURE, self.size.width - _GUTTER - 2))
        texts = [clean(one.text) for one in self._tokens]
        self._rows = rows(texts, self._first, width)
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out()
        self.call_after_refresh(self._show_picked)

    @property
    def _place(self) -> tuple[int, Stretch] | None:
        """The row and stretch where the picked token begins."""
        if self.odds is None:
            return None
        wanted = self._anchors[self.picked]
        found = ((y, s) for y, row in enumerate(self._rows) for s in row if s.token == wanted)
        return next(found, None)

    def _show_picked(self) -> None:
        place = self._place
        if place is not None and not 0 <= place[0] - self.scroll_y < max(1, self.size.height - 1):
            self.scroll_to(y=max(0, place[0] - self.size.height // 3), animate=False, force=True)

    # ------------------------------------------------------------------ moving
    def _pick(self, position: int) -> None:
        self.picked = max(self._first, min(len(self._tokens) - 1, position))
        self.refresh()
        self._show_picked()
        self.post_message(self.Picked())

    def action_move(self, step: int) -> None:
        self._pick(self.picked + step)

    def action_edge(self, side: int) -> None:
        self._pick(self._first if side < 0 else len(self._tokens) - 1)

    def action_climb(self, step: int) -> None:
        if (place := self._place) is None:
            return
        y, here = place
        at = y + step
        if 0 <= at < len(self._rows):
            self._pick(nearest(self._rows[at], here.x))

    def action_surprise(self, step: int) -> None:
        end = len(self._tokens) if step > 0 else self._first - 1
        for at in range(self.picked + step, end, step):
            if share(self._tokens[at].taken.logprob) < SURPRISING:
                self._pick(at)
                return

    def on_click(self, event: events.Click) -> None:
        y = event.y + round(self.scroll_y)
        if y < len(self._rows) and self._rows[y]:
            self._pick(nearest(self._rows[y], event.x - _GUTTER))

    # ------------------------------------------------------------------ drawing
    def render_line(self, y: int) -> Strip:
        at, width = y + round(self.scroll_y), self.size.width
        if at >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        anchor = self._anchors[self.picked] if self.odds is not None else None
        segments = [Segment(" " * _GUTTER, self.rich_style)]
        for stretch in self._rows[at]:
            step = step_of(share(self._tokens[stretch.token].taken.logprob))
            style = self.style("tag" if stretch.token in self._tags else step)
            if stretch.text == END_OF_LINE:
                style = style + self.style("end")
            if stretch.token == anchor:
                style = style + self.style("picked")
            segments.append(Segment(stretch.text, style))
        return Strip(segments).crop_extend(0, width, self.rich_style)


class TokenChoices(ToldList):
    """What else might have stood in the picked token's place, likeliest first."""

    HELP = "The alternatives of a token"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "select", "Take it", id="choices.take",
                tooltip="Another version: this token stands there, and the model goes on from it"),
        Binding("left,shift+tab", "screen.to_tokens", "Tokens", show=False, id="choices.tokens",
                tooltip="Back to the tokens"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__(id="token-choices", markup=False, compact=True)
        self.choices: Sequence[Candidate] = ()

    def show(self, odds: TokenOdds | None) -> None:
        self.choices = odds.top if odds is not None else ()
        taken = odds.taken.id if odds is not None else None
        self.set_options(
            Option(_choice(number, one, one.id == taken))
            for number, one in enumerate(self.choices, 1)
        )
        others = [at for at, one in enumerate(self.choices) if one.id != taken]
        self.highlighted = others[0] if others else None


def _choice(number: int, one: Candidate, taken: bool) -> Content:
    """`1 ● ␣harbour  41 %  ███`: its key, whether it is the one that stands, how likely it was."""
    probability = share(one.logprob)
    if plain():
        there = ", which stands there" if taken else ""
        return said(f"{number} {label(one.text)}, {percent(probability)}{there}")
    whole, eighths = divmod(max(1, round(8 * _BAR * probability)), 8)
    bar = "█" * whole + _EIGHTHS[:eighths][-1:]
    return said(
        (f"{number} ", "bold $text-primary"),
        ("● " if taken else "  ", "$text-accent"),
        (set_cell_size(label(one.text), _LABEL), ""),
        (f" {percent(probability):>7} ", "" if taken else MUTED),
        (bar, "$text-accent"),
    )
