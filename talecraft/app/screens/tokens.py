"""A passage token by token: pick one, see what else might have stood there, begin again from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import OptionList, Static

from talecraft.app.keymap import hint
from talecraft.app.marks import plain
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, Span, adapter_words, said
from talecraft.app.widgets.tokens import (
    STEPS,
    TokenChoices,
    TokenFlow,
    label,
    percent,
    share,
)
from talecraft.errors import TalecraftError
from talecraft.process.messages import TokenOdds
from talecraft.story.turns import Turn
from talecraft.studio.events import TokensFailed, TokensRead
from talecraft.studio.tokens import TOP

_STEP_WORDS = ("50 % and more", "10–50 %", "1–10 %", "under 1 %")


class TokensScreen(TalecraftScreen):
    """Over a page whose look at `turn` has been asked for. `begun` is called when another version
    is being written: with the request's number and the turn it will stand beside."""

    PAGE = True
    HELP = "A passage token by token"
    COMMAND_WIDGETS = ("#tokens", "#token-choices")
    AUTO_FOCUS = "#tokens"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(n), f"take({n})", "Take it", show=False, id=f"tokens.take_{n}",
                    tooltip="Another version with this alternative, and on from it")
            for n in range(1, TOP + 1)
        ),
        Binding("r", "draw", "Draw again", id="tokens.draw",
                tooltip="Another version: the same up to this token, from here on drawn again"),
        Binding("escape", "leave", "Page", id="tokens.leave", tooltip="Back to the page"),
    ]  # fmt: skip

    def __init__(self, turn: Turn, begun: Callable[[int, Turn], None]) -> None:
        super().__init__()
        self._turn, self._begun = turn, begun
        self._event: TokensRead | TokensFailed | None = None

    def body(self) -> ComposeResult:
        with Container(id="token-body"):
            with Vertical(id="token-text"):
                yield Static(id="token-head", markup=False)
                yield TokenFlow()
            with Vertical(id="token-side"):
                yield Static(id="token-facts", markup=False)
                yield TokenChoices()
                yield Static(said((_hint(), MUTED)), id="token-hint", markup=False)

    def on_mount(self) -> None:
        self._show()
        # The legend is drawn in the colours of the text, which are not there at once.
        self.app.theme_changed_signal.subscribe(
            self, lambda _: self.call_after_refresh(self._show_head)
        )

    def tokens_came(self, event: TokensRead | TokensFailed) -> None:
        of = event.turn.id if isinstance(event, TokensRead) else event.turn_id
        if of == self._turn.id and self._event is None:
            self._event = event
            if self.is_mounted:
                self._show()

    # ------------------------------------------------------------------ what is shown
    @property
    def _flow(self) -> TokenFlow:
        return self.query_one(TokenFlow)

    @property
    def _choices(self) -> TokenChoices:
        return self.query_one(TokenChoices)

    def _show(self) -> None:
        event = self._event
        if isinstance(event, TokensRead) and len(event.tokens) > event.begins:
            made = event.turn.generation
            start = made.prose_start if made is not None else 0
            begin = start if start < len(event.tokens) else event.begins
            style = self.talecraft.studio.model_ref().style
            tags = (style.premise_open, style.think_open, style.story_open, *style.stops)
            self._flow.show(event.tokens, event.begins, begin, [one.strip() for one in tags])
        self._show_head()
        self.query_one("#token-side").display = self._flow.odds is not None
        self.refresh_bindings()

    def _show_head(self) -> None:
        event = self._event
        words: list[Span] = [("Token by token\n", "bold $text-primary")]
        match event:
            case None:
                words.append(("The model reads the passage …", MUTED))
            case TokensFailed():
                words.append((f"{event.message} {event.hint}", "$text-error"))
            case TokensRead() if len(event.tokens) <= event.begins:
                words.append(("There is nothing in it.", MUTED))
            case TokensRead():
                words += [*self._legend(), *(("\n" + one, MUTED) for one in self._notes(event))]
        self.query_one("#token-head", Static).update(said(*words))

    def _legend(self) -> list[Span]:
        """How likely is drawn how, each drawn so; a plain page tells it of the token one is at."""
        if plain():
            return []
        flow, spans = self._flow, list[Span]()
        for (name, _), words in zip(STEPS, _STEP_WORDS, strict=True):
            spans += [Content.styled(words, flow.get_visual_style(f"tokens--{name}")), "  "]
        return spans

    def _notes(self, event: TokensRead) -> list[str]:
        notes = []
        if event.edited:
            notes.append("Edited since: these are the words as they were written.")
        made = event.turn.generation
        if made is not None and made.adapter_id != event.adapter_id:
            notes.append(
                f"It was written with {adapter_words(made.adapter_id)}, which is no longer there;"
                f" these are the odds with {adapter_words(event.adapter_id)}."
            )
        return notes

    def on_token_flow_picked(self) -> None:
        odds = self._flow.odds
        self._choices.show(odds)
        if odds is not None:
            self.query_one("#token-facts", Static).update(self._facts(odds))
        self.refresh_bindings()

    def _facts(self, odds: TokenOdds) -> Content:
        """The picked token in words."""
        event, at = self._event, self._flow.picked
        assert isinstance(event, TokensRead)
        made = event.turn.generation
        given = made is not None and made.forced[at : at + 1] == [True]
        first = "the likeliest" if not odds.rank else f"{odds.rank:,} were likelier"
        if odds.rank == 1:
            first = "one was likelier"
        place = f"token {at - event.begins + 1} of {len(event.tokens) - event.begins}"
        return said(
            (label(odds.taken.text), "bold"),
            f"  {percent(share(odds.taken.logprob))}\n",
            (f"{first} · {place}{' · given, not drawn' if given else ''}", MUTED),
        )

    # ------------------------------------------------------------------ what can be done
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        odds = self._flow.odds if self.is_mounted else None
        if action == "take":
            return odds is not None and parameters[0] in range(1, len(odds.top) + 1)
        if action in ("draw", "to_choices"):
            return odds is not None
        return super().check_action(action, parameters)

    def action_take(self, number: int) -> None:
        self._begin_again(self._choices.choices[number - 1].id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.action_take(event.option_index + 1)

    def action_draw(self) -> None:
        self._begin_again(None)

    def _begin_again(self, token_id: int | None) -> None:
        app = self.talecraft
        if app.live is not None:
            app.say("The model is still writing.")
            return
        try:
            request = app.studio.tokens.reroll(self._turn.id, self._flow.picked, token_id)
        except TalecraftError as error:
            app.tell(error)
            return
        app.pop_screen()
        self._begun(request, self._turn)

    def action_to_choices(self) -> None:
        self._choices.focus()

    def action_to_tokens(self) -> None:
        self._flow.focus()

    def action_leave(self) -> None:
        self.talecraft.studio.tokens.stop()
        self.app.pop_screen()


def _hint() -> str:
    first, last = (hint(f"tokens.take_{number}", str(number)) for number in (1, TOP))
    return (
        f"{first} to {last} write another version with that token there, {hint('tokens.draw', 'r')}"
        " one that draws it again. All before it stays, and this version too."
    )
