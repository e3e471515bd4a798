"""The page: the manuscript, the plan, the composer."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import TextArea

from talecraft.app.keymap import hint
from talecraft.app.live import Live
from talecraft.app.marks import mark, plain
from talecraft.app.screens.passages import PassageActions, score_keys
from talecraft.app.text import MUTED, said, stars
from talecraft.app.widgets.composer import Composer, ScoringComposer
from talecraft.app.widgets.lines import ScoreLine
from talecraft.app.widgets.manuscript import Manuscript
from talecraft.app.widgets.outline import OutlinePane
from talecraft.errors import TalecraftError
from talecraft.story.turns import Turn

WIDE = 100


class WritingScreen(PassageActions):
    """One open story. The text is the library's; this shows it and asks the studio for changes."""

    PAGE = True
    HELP = "Writing"
    COMMAND_WIDGETS = ("#composer", "#manuscript")
    AUTO_FOCUS = "#composer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "retry", "Retry",
                tooltip="Write the last passage once more", id="page.retry"),
        Binding("escape", "stop", "Stop",
                tooltip="Stop the model and keep what came", id="page.stop"),
        Binding("escape", "to_composer", "Back to the text",
                tooltip="Back to the composer", id="page.to_text"),
        Binding("escape", "leave", "Library",
                tooltip="Back to the library; the draft is kept", id="app.back"),
        Binding("ctrl+t", "fold_plan", "Plan", show=False,
                tooltip="Fold or open the plan", id="plan.fold"),
        Binding("pageup", "turn_page(-1)", "Page up", show=False, priority=True,
                tooltip="Read back, a page at a time", id="page.up"),
        Binding("pagedown", "turn_page(1)", "Page down", show=False, priority=True,
                tooltip="Read on, a page at a time", id="page.down"),
    ]  # fmt: skip

    def __init__(self, story_id: int, begin: bool = False) -> None:
        super().__init__(story_id)
        self._begin_at_once = begin

    def body(self) -> ComposeResult:
        with Horizontal(id="page"):
            yield Manuscript(self.talecraft.studio.settings.page.measure)
            yield OutlinePane(id="plan")
        with Vertical(id="below"):
            yield ScoreLine()
            yield ScoringComposer("Write on, or press Enter to let the model write")

    def on_mount(self) -> None:
        self.reload()
        self.show_draft(self.page.story.draft)
        if self._begin_at_once:
            self._go_on("")

    # ------------------------------------------------------------------ what is shown
    @property
    def words(self) -> int:
        return self._words

    @property
    def live(self) -> Live | None:
        """The passage being written, if it is this story's."""
        live = self.talecraft.live
        return live if live is not None and live.story_id == self.story_id else None

    def reload(self) -> None:
        """Show what the library holds now."""
        self._page = None
        if not self.is_mounted:
            return
        self._show_plan()
        self.manuscript.show_page(self.page, self.live, self._inline_plan)
        self._show_score()
        self.talecraft.refresh_status()
        self.refresh_bindings()

    def text_came(self) -> None:
        """More of the passage being written has come."""
        if self.live is not None:
            self._show_plan()
            self.manuscript.text_came(self._inline_plan)

    def engine_changed(self) -> None:
        self._show_score()

    @property
    def _outline(self) -> str:
        """The plan to show: of the passage being written, the chosen or the last one."""
        if self.live is not None:
            return self.live.outline
        turn = self._turn_in_question
        return turn.outline if turn is not None else ""

    @property
    def _turn_in_question(self) -> Turn | None:
        chosen = self.manuscript.chosen
        if chosen is not None:
            return self.page.path[chosen]
        return self.page.path[-1] if self.page.path else None

    @property
    def _wide(self) -> bool:
        return self.size.width >= WIDE and not plain()

    @property
    def _inline_plan(self) -> tuple[str, bool] | None:
        if self._wide:
            return None
        last = self.page.path[-1].outline if self.page.path else ""
        outline = self.live.outline if self.live is not None else last
        return outline, not self.talecraft.show_outline

    def _show_plan(self) -> None:
        pane = self.query_one(OutlinePane)
        pane.display = self._wide and self.talecraft.show_outline
        if pane.display:
            pane.show(self._outline, self.live is not None and not self.live.prose)

    def on_resize(self) -> None:
        if self.is_mounted:
            self.reload()

    def _show_score(self) -> None:
        page, versions = self.page, Content("")
        if page.versions > 1 and self.live is None:
            versions = said(
                (f"version {page.version} of {page.versions}", MUTED),
                (
                    f"  Tab {hint('version.previous', mark('←', 'Left'))}"
                    f" {hint('version.next', mark('→', 'Right'))}",
                    "dim",
                ),
            )
        self.query_one(ScoreLine).show(self._score_words(), versions)

    def _score_words(self) -> Content:
        if self.live is not None:
            key = hint("page.stop", "Esc")
            what = "stopping" if self.live.stopping else f"{key} stops and keeps what came"
            return said((what, MUTED))
        if not self.talecraft.can_write:
            key = hint("app.models", "F2")
            return said((f"There is no model to write with. {key} chooses one.", "$text-warning"))
        turn = self._scored_turn
        if turn is None:
            what = "writes on from the plan" if self._outline else "begins"
            return said((f"{hint('page.continue', 'Enter')}: the model {what}", MUTED))
        score = self.page.scores.get(turn.id)
        if score is not None:
            composer = self.query_one(ScoringComposer)
            here = composer.takes_score_back and self.focused is composer
            key = hint("composer.undo", "Ctrl+Z") if here else (
                f"Tab, then {hint('score.take_back', 'u')}"
            )  # fmt: skip
            return said((stars(score), "$text-accent"), (f"   {key} takes it back", MUTED))
        another = f"{mark(' · ', ', ')}{hint('page.retry', 'Ctrl+R')} another version"
        chosen = self.manuscript.chosen is not None
        return said((f"{score_keys()} score it{'' if chosen else another}", MUTED))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """What takes a score back depends on whether there is text."""
        self._show_score()  # Textual calls the base class's handler, which keeps the draft, too

    # ------------------------------------------------------------------ what can be done now
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        writing = self.talecraft.live is not None
        match action:
            case "stop":
                return writing
            case "go_on" | "retry" | "end_story":
                return not writing
            case "to_composer":
                return not writing and self.focused is not self.composer
            case "leave":
                return not writing and self.focused is self.composer
            case "rate" | "thumb":
                return writing or self._scored_turn is not None
            case "unrate":
                turn = self._scored_turn
                return turn is not None and turn.id in self.page.scores
            case "sibling":
                at = self.page.version + (parameters[0] if isinstance(parameters[0], int) else 0)
                return not writing and 1 <= at <= self.page.versions
            case "copy_passage" | "export":
                return any(turn.prose for turn in self.page.path)
            case _:
                return super().check_action(action, parameters)

    # ------------------------------------------------------------------ going on
    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        self._go_on(event.text)

    async def action_go_on(self) -> None:
        self.composer.focus()
        self._go_on(self.composer.text)

    async def action_end_story(self) -> None:
        """The draft, if any, and a passage that brings the story to its end."""
        self.composer.focus()
        self._go_on(self.composer.text, ending=True)

    def _go_on(self, text: str, ending: bool = False) -> None:
        app, leaf = self.talecraft, self.page.story.leaf_id
        path = self.page.path
        keep = len(path)
        if not text.strip() and path and path[-1].author == "model" and not path[-1].prose:
            keep -= 1
        try:
            request = app.studio.writing.continue_story(self.story_id, text, ending=ending)
        except TalecraftError as error:
            app.tell(error)
            self.reload()
            if self.page.story.leaf_id != leaf:
                self._sent(text)
            return
        self._sent(text)
        self._page = None
        self._begin(request, keep if keep < len(path) else len(self.page.path))

    def _sent(self, text: str) -> None:
        """It is in the story now. What was typed after it in the same moment stays."""
        rest = self.composer.text.removeprefix(text)
        self.show_draft("")
        if rest:
            self.composer.type_in(rest)

    def action_retry(self) -> None:
        path = self.page.path
        try:
            request = self.talecraft.studio.writing.retry(self.story_id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        last_is_models = bool(path) and path[-1].author == "model"
        self._begin(request, len(path) - 1 if last_is_models else len(path))

    def _begin(self, request: int, keep: int) -> None:
        self.manuscript.choose_none()
        self.talecraft.live = Live(request, self.story_id, keep)
        self.reload()
        self.manuscript.scroll_to(y=self.manuscript.max_scroll_y, animate=False, force=True)

    def action_stop(self) -> None:
        app = self.talecraft
        if app.live is not None:
            app.live.stopping = True
        app.studio.writing.stop()
        app.refresh_status()
        self._show_score()

    def action_sibling(self, step: int) -> None:
        try:
            self.talecraft.studio.writing.show_sibling(self.story_id, step)
        except TalecraftError as error:
            self.talecraft.tell(error)
        self.reload()

    # ------------------------------------------------------------------ the draft
    def store_draft(self, text: str) -> None:
        self.talecraft.studio.library.stories.save_draft(self.story_id, text)

    def action_leave(self) -> None:
        if self.save_draft():
            self.app.pop_screen()

    # ------------------------------------------------------------------ reading
    def on_manuscript_placed(self, event: Manuscript.Placed) -> None:
        """The composer stands under the text's column, as its next paragraph."""
        right = max(0, self.size.width - event.left - event.width)
        self.query_one("#below").styles.padding = (0, right, 0, event.left)

    def on_manuscript_typed(self, event: Manuscript.Typed) -> None:
        self.composer.type_in(event.character)

    def on_manuscript_chosen(self) -> None:
        self._show_plan()
        self._show_score()
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        self._show_score()
        self.refresh_bindings()

    def action_to_composer(self) -> None:
        self.manuscript.choose_none()
        self.composer.focus()

    def action_turn_page(self, step: int) -> None:
        height = max(1, self.manuscript.size.height - 2)
        self.manuscript.scroll_relative(y=step * height, animate=False, immediate=True)

    def action_fold_plan(self) -> None:
        self.talecraft.show_outline = not self.talecraft.show_outline
        self.reload()
