"""The blind trial: two adapters, nobody told which is which before the end."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.screens.tasting import TastingScreen
from talecraft.app.text import MUTED, count, said
from talecraft.errors import TalecraftError
from talecraft.library.adapters import Adapter
from talecraft.story.clean import clean_line
from talecraft.studio.comparing import Comparison, unshown_words
from talecraft.studio.rounds import Round


class ComparisonScreen(TastingScreen):
    """The newest adapter against what wrote before it."""

    SHOWN_BY = "compare"
    HELP = "Blind comparison"
    HEADING = "Comparison"
    FIRST = (
        "Two passages go on from the same text: one as it writes after training, one as it wrote"
        " before. Which is which you are told at the end. Choose the one you like better."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "adopt", "Write with it",
                tooltip="Let the one you chose more often write", id="compare.adopt"),
    ]  # fmt: skip

    def __init__(self, story: int | None = None) -> None:
        super().__init__(story)
        self._trial: Comparison | None = None

    def gives_way_to(self, screen: TalecraftScreen) -> bool:
        """Never: its result can still be acted on."""
        return False

    def begin(self) -> Round:
        app = self.talecraft
        self._trial = None
        self._trial = Comparison(app.studio, story_id=self._story, seed=app.opening_seed)
        return self._trial.round

    def result(self, a_round: Round) -> Content:
        trial = self._trial
        if trial is None or not (a_round.judged or a_round.unshown):
            return said(("Nothing was chosen.", MUTED))
        tally, now = trial.tally, mark("  ●", ",")
        lines = [
            said(
                (_name(adapter), "bold"), f" was chosen {count(times, 'time')}",
                *(((now, "$text-success"), (" it writes now", MUTED)) if _active(self, adapter)
                  else ()),
            )
            for adapter, times in ((trial.first, tally.first), (trial.second, tally.second))
        ]  # fmt: skip
        lines += [
            said((f"Neither was better {count(tally.equal, 'time')}", MUTED)),
            *((said((unshown_words(a_round), MUTED)),) if a_round.unshown else ()),
            said(),
            said(tally.words),
            said(("Your answers are kept. The next training run learns from them.", MUTED)),
        ]
        if self._can_adopt:
            yes = hint("compare.adopt", "y")
            name = _name(trial.winner).lower()
            lines.append(said("Press ", (yes, "bold"), f" and {name} writes from now on."))
        more, back = hint("taste.new", "n"), hint("app.back", "Esc")
        lines.append(said((f"{more} compares again, {back} goes back.", MUTED)))
        return Content("\n").join(lines)

    def action_stop(self) -> None:
        """What was judged so far is told, as at the end; then Esc goes back."""
        if self._round is None or not self._round.judged:
            super().action_stop()
            return
        self._round.stop()
        self.pair_came()

    @property
    def _can_adopt(self) -> bool:
        trial = self._trial
        return (
            trial is not None
            and trial.whole
            and trial.tally.leader is not None
            and not trial.writes_already
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "adopt":
            return self._can_adopt
        return super().check_action(action, parameters)

    def why_not(self, action: str) -> str:
        if action != "adopt":
            return super().why_not(action)
        trial = self._trial
        if trial is None or not trial.whole:
            return "The comparison is not over yet."
        if trial.tally.leader is None:
            return "Neither was chosen more often: there is nothing to change."
        return "The one you chose more often writes already."

    def action_adopt(self) -> None:
        if self._trial is None:
            return
        try:
            adapter = self._trial.adopt()
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.talecraft.say(f"From the next passage on {_name(adapter).lower()} writes.")
        self.pair_came()


def _active(screen: TastingScreen, adapter: Adapter | None) -> bool:
    studio = screen.talecraft.studio
    active = studio.library.adapters.active(studio.model.id)
    return (active.id if active else None) == (adapter.id if adapter else None)


def _name(adapter: Adapter | None) -> str:
    return f"Adapter {clean_line(adapter.label)}" if adapter is not None else "The bare model"
