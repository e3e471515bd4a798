"""Two passages beside each other (or one over the other), and what comes before them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.marks import plain
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.wrapping import wrap
from talecraft.story.clean import clean
from talecraft.studio.rounds import Pair, passage

_BEFORE_LINES = 3
_MEASURE = 96


class ProgressLine(Static):
    """How far the round is: a bar, and the number of the pair in question."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def show(self, title: str, judged: int, total: int) -> None:
        words = f"{min(judged + 1, total)} of {total}" if total else ""
        if plain():
            self.update(said((title, "bold $text-primary"), f"  {words}"))
            return
        done = round(24 * judged / total) if total else 0
        bar = (("━" * done, "$primary"), ("─" * (24 - done), MUTED)) if total else ()
        self.update(said((f"{title:<14}", "bold $text-primary"), *bar, "  ", (words, MUTED)))


class PairView(Vertical):
    """Shows one pair; each passage beside the key that chooses it."""

    _before = ""

    def compose(self) -> ComposeResult:
        yield Static(id="before", markup=False)
        with Horizontal(id="passages"):
            for key, name in (("a", "taste.first"), ("b", "taste.second")):
                with Horizontal(classes="candidate"):
                    told = said((hint(name, key), "bold $text-accent"))
                    yield Static(told, classes="candidate-key")
                    yield Static(id=f"candidate-{key}", classes="candidate-text", markup=False)

    def show(self, pair: Pair) -> None:
        self._before = pair.before
        self.query_one("#candidate-a", Static).update(said(passage(pair.a)))
        self.query_one("#candidate-b", Static).update(said(passage(pair.b)))
        self._show_before()

    def on_resize(self) -> None:
        self._show_before()

    def _show_before(self) -> None:
        """The last lines of the text before: what both passages go on from."""
        width = min(_MEASURE, self.size.width - 10)  # with its padding, and the mark
        lines = [
            line
            for paragraph in clean(self._before).splitlines()
            if paragraph.strip()
            for line, _ in wrap(paragraph, width)
        ]
        shown = lines[-_BEFORE_LINES:]
        if len(lines) > _BEFORE_LINES:
            shown[0] = f"… {shown[0]}"
        self.query_one("#before", Static).update(
            Content("\n").join(said((line, f"italic {MUTED}")) for line in shown)
        )
