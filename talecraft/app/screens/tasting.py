"""The taste round: two passages, one key. What is chosen is feedback like any other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import actions, hint
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, count, error_line, said
from talecraft.app.widgets.pair import PairView, ProgressLine
from talecraft.errors import TalecraftError
from talecraft.studio.rounds import Round, Verdict

_ASK = "Which do you like better?"


class TastingScreen(TalecraftScreen):
    """Asks for one verdict after another, on pairs that are written ahead of the reader.

    `story` is the open story, whose places half of the pairs follow.
    """

    PAGE = True
    SHOWN_BY = "taste"
    HELP = "Taste round"
    HEADING: ClassVar[str] = "Taste round"
    FIRST: ClassVar[str] = "The first pair is being written. Read both, then choose with one key."
    AUTO_FOCUS = "#tasting"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "choose('a')", "First",
                tooltip="The first of the two is better", id="taste.first"),
        Binding("b", "choose('b')", "Second",
                tooltip="The second of the two is better", id="taste.second"),
        Binding("equals_sign", "choose('=')", "Equal",
                tooltip="Both are equally good", id="taste.equal"),
        Binding("space", "choose('neither')", "Neither",
                tooltip="Neither of the two is good", id="taste.neither"),
        Binding("u,backspace,ctrl+z", "undo", "Undo",
                tooltip="Take the last choice back", id="taste.undo"),
        Binding("r", "again", "Try again",
                tooltip="Ask once more for pairs that did not come", id="taste.again"),
        Binding("n", "new_round", "New round", tooltip="Begin another taste round", id="taste.new"),
        Binding("escape", "stop", "Stop",
                tooltip="End the round; what you chose is kept", id="taste.stop"),
        Binding("escape", "leave", "Back", tooltip="Back to where you were", id="app.back"),
    ]  # fmt: skip

    def __init__(self, story: int | None = None) -> None:
        super().__init__()
        self._story = story
        self._round: Round | None = None
        self._refusal = ""
        self._told = ""

    def body(self) -> ComposeResult:
        with VerticalScroll(id="tasting", can_focus=True):
            yield ProgressLine()
            yield PairView()
            yield Static(id="taste-words", markup=False)

    def on_mount(self) -> None:
        self.action_new_round()

    def on_unmount(self) -> None:
        if self._round is not None:  # its own: another screen may have begun one
            self._round.stop()

    # ------------------------------------------------------------------ what is shown
    def pair_came(self) -> None:
        """The round has one pair more, or gets none for now."""
        if self.is_mounted:
            self._show()

    def engine_changed(self) -> None:
        self.pair_came()

    def _show(self) -> None:
        self._told = ""
        a_round = self._round
        judged, total = (a_round.judged, a_round.total) if a_round is not None else (0, 0)
        self.query_one(ProgressLine).show(self.HEADING, judged, total)
        pair = a_round.pair if a_round is not None else None
        view = self.query_one(PairView)
        view.display = pair is not None
        if pair is not None:
            view.show(pair)
        self.query_one("#taste-words", Static).update(self._words())
        self.refresh_bindings()

    def _words(self) -> Content:
        a_round = self._round
        if a_round is None:
            return said((self._refusal, "$text-warning"))
        if a_round.pair is not None:
            a, b, equal, neither = _keys()
            return said(
                (f"{_ASK}  ", MUTED), (a, "bold"), (" or ", MUTED), (b, "bold"), "   ",
                (equal, "bold"), (" equally good   ", MUTED), (neither, "bold"),
                (" neither", MUTED),
            )  # fmt: skip
        if a_round.over:
            return self.result(a_round)
        if a_round.failure:
            again = f"   {hint('taste.again', 'r')} tries again."
            return said((a_round.failure, "$text-warning"), (again, MUTED))
        return said(("The next pair is being written …" if a_round.judged else self.FIRST, MUTED))

    def result(self, a_round: Round) -> Content:
        """What the round has come to."""
        more, back = hint("taste.new", "n"), hint("app.back", "Esc")
        return said(
            f"The round is over: {count(a_round.judged, 'choice')}. {self._shows()}",
            (f"\n{more} begins another round, {back} goes back.", MUTED),
        )

    def gives_way_to(self, screen: TalecraftScreen) -> bool:
        """A round that is over leads on to training, and not back."""
        return screen.SHOWN_BY == "training" and (self._round is None or self._round.over)

    def begin(self) -> Round:
        """Raises TalecraftError where there can be no round."""
        app = self.talecraft
        return app.studio.tasting.begin(self._story, seed=app.opening_seed)

    # ------------------------------------------------------------------ what can be done
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        a_round = self._round
        match action:
            case "choose":
                return a_round is not None and a_round.pair is not None
            case "undo":
                return a_round is not None and a_round.judged > 0 and not a_round.stopped
            case "again":
                return a_round is not None and bool(a_round.failure) and a_round.pair is None
            case "stop":
                return a_round is not None and not a_round.over
            case "new_round" | "leave":
                return a_round is None or a_round.over
            case _:
                return super().check_action(action, parameters)

    def on_key(self, event: events.Key) -> None:
        """A key that does nothing now says why. Textual calls this before the binding."""
        found = actions(self, event.key)
        if not (event.is_printable or found) or any(self.check_action(one, ()) for one in found):
            return
        event.stop()
        words = self.why_not(found[0] if found else "")
        if words != self._told:  # once, until something has changed
            self._told = words
            self.talecraft.say(words)

    def why_not(self, action: str) -> str:
        """Why this action (or none) is not to be had now."""
        over = self._round is not None and self._round.over
        match action:
            case "choose" if over:
                return f"The round is over. {hint('taste.new', 'n')} begins another."
            case "choose":
                return "There is no pair to choose from yet."
            case "undo":
                return "There is no choice to take back."
            case "again":
                return "Nothing has failed; the pairs come by themselves."
            case "new_round":
                return f"This round is not over yet. {hint('taste.stop', 'Esc')} ends it."
            case _:
                a, b, equal, neither = _keys()
                neither = "the space bar" if neither == "space" else neither
                stop = hint("taste.stop", "Esc")
                return f"Choose with {a}, {b}, {equal} or {neither}. {stop} ends the round."

    def action_choose(self, verdict: Verdict) -> None:
        self._do(lambda a_round: a_round.choose(verdict))

    def action_undo(self) -> None:
        self._do(lambda a_round: a_round.undo())

    def action_again(self) -> None:
        self._do(lambda a_round: a_round.go_on())

    def _do(self, what: Callable[[Round], object]) -> None:
        if self._round is None:
            return
        try:
            what(self._round)
        except TalecraftError as error:
            self.talecraft.tell(error)
        self._show()

    def action_new_round(self) -> None:
        try:
            self._round = self.begin()
        except TalecraftError as error:
            self._round, self._refusal = None, error_line(error)
        self._show()

    def action_stop(self) -> None:
        judged = self._round.judged if self._round is not None else 0
        self.action_leave()
        kept = f"{count(judged, 'choice')} kept. {self._shows()}"
        self.talecraft.say(kept if judged else "Nothing was chosen.", f"{self.HELP} over")

    def action_leave(self) -> None:
        self.app.pop_screen()

    def _shows(self) -> str:
        """Where to go on from here; a run is offered only where there is enough to learn from."""
        studio = self.talecraft.studio
        training, start = hint("app.training", "F3"), hint("training.start", "s")
        there = self.talecraft.at("training")
        shows = f"{'This screen' if there else training} shows what you have taught"
        with suppress(TalecraftError):
            if not studio.training.plan(studio.model).refusal:
                return f"{shows}; there {start} starts a training run."
        return f"{shows}, and what is missing."


def _keys() -> tuple[str, str, str, str]:
    """The keys of the four answers, as they are said."""
    return (
        hint("taste.first", "a"), hint("taste.second", "b"), hint("taste.equal", "="),
        hint("taste.neither", "space"),
    )  # fmt: skip
