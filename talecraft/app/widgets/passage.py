"""The passage that is chosen in the tree: all of it, its plan, and its other texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.marks import mark
from talecraft.app.text import MUTED, beats, said, stars, when
from talecraft.story.clean import clean, clean_line
from talecraft.story.turns import Revision
from talecraft.studio.branching import Place


class PassagePane(VerticalScroll, can_focus=True):
    """Tab leads here, to scroll a long one."""

    def __init__(self) -> None:
        super().__init__(id="passage")

    def compose(self) -> ComposeResult:
        yield Static(id="passage-text", markup=False)

    def show(self, place: Place | None, texts: Sequence[Revision], now: datetime) -> None:
        """Show `place` with its `texts`, oldest first; nothing for None."""
        parts = () if place is None else _parts(place, texts, now)
        self.query_one("#passage-text", Static).update(Content("\n\n").join(parts))
        self.scroll_home(animate=False, immediate=True)


def _parts(place: Place, texts: Sequence[Revision], now: datetime) -> Iterator[Content]:
    turn = place.turn
    yield said(
        ("You" if turn.author == "writer" else "The model", "bold"),
        (f"   {mark(' · ', ', ').join(_facts(place, now))}", MUTED),
    )
    if place.bookmark is not None:
        name = clean_line(place.bookmark)
        before = mark("◆ ", "Bookmark: " if name else "")
        yield said((before, "$text-accent"), name or "Bookmark")
    if plan := beats(turn.outline):
        lines = [said((mark("• ", "- "), "$text-accent"), (beat, MUTED)) for beat in plan]
        yield Content("\n").join([said(("Plan", "bold")), *lines])
    if prose := clean(turn.prose).strip():
        yield said(prose)
    for text in texts if len(texts) > 1 else ():
        if text.id != turn.revision:
            how = "edited" if text.id else "as it was written"
            yield said(
                ("Another text", "bold"), (f"   {how}, {when(text.created_at, now)}\n", MUTED),
                (clean(text.prose).strip(), MUTED),
            )  # fmt: skip


def _facts(place: Place, now: datetime) -> list[str]:
    facts = [
        "in the trash" if place.pruned else "read now" if place.open else "",
        f"version {place.version} of {place.versions}" if place.versions > 1 else "",
        stars(place.score) if place.score is not None else "",
        "edited" if place.turn.revision else "",
        when(place.turn.created_at, now),
    ]
    return [fact for fact in facts if fact]
