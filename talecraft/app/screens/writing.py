"""The page: the manuscript, the plan, the composer."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from talecraft.app import keymap
from talecraft.app.keymap import hint
from talecraft.app.preferring import choose_preset
from talecraft.app.screens.ghosting import GhostActions
from talecraft.app.screens.score_words import ScoreWords
from talecraft.app.screens.token_actions import TokenActions
from talecraft.app.widgets.composer import Composer
from talecraft.app.widgets.editor import Editor
from talecraft.app.widgets.ghost import GhostLine
from talecraft.app.widgets.letters import Letters
from talecraft.app.widgets.lines import ScoreLine
from talecraft.app.widgets.manuscript import Manuscript
from talecraft.app.widgets.outline import OutlinePane
from talecraft.app.widgets.proposal import ProposalView
from talecraft.app.widgets.scoring import ScoringComposer
from talecraft.app.widgets.skeleton import Skeleton
from talecraft.app.widgets.whisper import Whisper
from talecraft.errors import TalecraftError
from talecraft.library.branches import EditedPart
from talecraft.story.clean import clean_line
from talecraft.story.turns import Turn
from talecraft.studio.events import AlternativesReady

# Seconds after a passage's end in which the key that stops it was pressed for that.
MEANT_TO_STOP = 2.5


class WritingScreen(ScoreWords, TokenActions, GhostActions):
    """One open story. The text is the library's; this shows it and asks the studio for changes."""

    PAGE = True
    PLACE = "page"
    HELP = "Writing"
    COMMAND_WIDGETS = ("#composer", "#manuscript", "#plan", "#skeleton", "#editor", "#proposal")
    AUTO_FOCUS = "#composer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "retry", "Retry",
                tooltip="Write the last passage once more", id="page.retry"),
        Binding("ctrl+r", "say_why_not", "Retry", show=False,
                tooltip="While the model writes: says why not", id="page.retry"),
        Binding("escape", "stop", "Stop",
                tooltip="Stop the model and keep what came", id="page.stop"),
        Binding("escape", "to_editor", "Back to the edit",
                tooltip="Back to the passage that is being edited", id="page.to_text"),
        Binding("escape", "to_composer", "Write",
                tooltip="Back to the composer", id="page.to_text"),
        Binding("escape", "show_all", "Everything",
                tooltip="Leave focus mode", id="page.show_all"),
        Binding("escape", "leave", "Library",
                tooltip="Back to the library; the draft is kept", id="app.back"),
        Binding("ctrl+t", "fold_plan", "Plan", show=False,
                tooltip="Fold or open the plan", id="plan.fold"),
        Binding("f4", "tree", "Tree",
                tooltip="The story as a tree: search, compare, bring back", id="story.tree"),
        Binding("f6", "context", "Context",
                tooltip="What the model sees: memory, lore, notes, and what is left out",
                id="story.context"),
        Binding("pageup", "turn_page(-1)", "Page up", show=False, priority=True,
                tooltip="Read back, a page at a time", id="page.up"),
        Binding("pagedown", "turn_page(1)", "Page down", show=False, priority=True,
                tooltip="Read on, a page at a time", id="page.down"),
    ]  # fmt: skip

    def __init__(self, story_id: int, begin: bool = False) -> None:
        super().__init__(story_id)
        self._begin_at_once = begin
        self._over_at = -MEANT_TO_STOP  # when the last passage ended
        self._versions: Sequence[Turn] = ()  # written, and not chosen from yet
        self._asked_at = 0.0  # when they were asked for

    def body(self) -> ComposeResult:
        with Horizontal(id="page"):
            yield Manuscript(self.talecraft.studio.settings.page.measure)
            yield OutlinePane(id="plan")
            yield Skeleton()
        with Vertical(id="below"):
            yield ScoreLine()
            yield Whisper()
            key = hint("page.continue", "Enter")
            yield ScoringComposer(f"Write on, or press {key} to let the model write")
            yield GhostLine()
        yield Editor()
        yield ProposalView()

    def on_mount(self) -> None:
        self.let_ghosts_come()
        self.reload()
        self.show_draft(self.page.story.draft)
        if self._begin_at_once:
            self._go_on("")
        else:
            self.call_after_refresh(self.resume_edit)

    # ------------------------------------------------------------------ what is shown
    @property
    def words(self) -> int:
        return self._words

    @property
    def preset(self) -> str:
        found = self.talecraft.studio.drawing.of(self.page.story)
        return clean_line(found.id) if found is not None else ""

    def waits_for(self, versions: AlternativesReady) -> bool:
        """Not where something is being typed: its letters must not choose."""
        app = self.talecraft
        rests = app.key_at <= self._asked_at or not app.typing
        idle = rests and not self.composer.text and not self.editor.is_open
        return versions.story_id == self.story_id and idle

    def versions_wait(self, versions: AlternativesReady) -> None:
        if versions.story_id == self.story_id:
            self._versions = versions.turns

    def reload(self) -> None:
        """Show what the library holds now."""
        self._page = None
        if self.is_mounted:
            self.query_one(ScoringComposer).scored_last = False
            self._show()

    def library_changed(self) -> None:
        """What was done last stays what was done last."""
        self._page = None
        if self.is_mounted:
            self._show()

    def _show(self) -> None:
        self.show_plan()
        self.manuscript.show_page(self.page, self.live, self.inline_plan)
        self.leave_lost_edit()
        if self.editor.is_open:
            self.call_after_refresh(self.place_editor)
        self.show_score()
        self.talecraft.count_words()
        self.talecraft.refresh_status()
        self.refresh_bindings()

    def settings_changed(self) -> None:
        self.let_ghosts_come()
        self.manuscript.set_measure(self.talecraft.studio.settings.page.measure)
        self._page = None
        self._show()  # what was done last stays what was done last

    def text_came(self) -> None:
        """More of the passage being written has come."""
        if self.live is not None:
            self.show_plan()
            self.manuscript.text_came(self.inline_plan)

    def on_resize(self) -> None:
        if self.is_mounted:
            self._show()

    def action_preset(self) -> None:
        """Choose how words are drawn in this story."""
        choose_preset(self.talecraft, self.page.story)

    def action_context(self) -> None:
        """What the model sees next, or was shown for the chosen passage of its own."""
        from talecraft.app.screens.context import ContextScreen

        chosen = self.manuscript.chosen
        turn = self.page.path[chosen] if chosen is not None else None
        at = turn.id if turn is not None and turn.author == "model" else None
        self.app.push_screen(ContextScreen(self.story_id, self.composer.text, at, self.reload))

    # ------------------------------------------------------------------ what can be done now
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:  # its widgets are not there yet
            return False
        drafting = self.talecraft.studio.alternatives.waiting == self.story_id
        here = self.live is not None or drafting or self.taking_in
        writing, editing = bool(self.busy), self.editor.is_open
        match action:
            case "stop":
                return self.live is not None or drafting
            case "to_editor":
                return editing and self.focused is not self.editor
            case "go_on" | "retry" | "end_story" | "alternatives" | "ghost":
                return not writing and not editing
            case "to_composer":
                return not (here or editing) and self.focused is not self.composer
            case "leave":
                at_composer = self.focused is self.composer
                return at_composer and not (here or editing or self.alone)
            case "fold_plan":
                return not self.alone and not editing
            case "turn_page" | "tree" | "context" | "focus_mode" if editing:
                return False
            case "edit" | "throw_away":
                return not writing and not editing and self._acted_on is not None
            case "undo_step" | "redo_step":
                return not writing and not editing
            case "rate" | "thumb":
                return self.talecraft.live is not None or self._scored_turn is not None
            case "unrate":
                turn = self._scored_turn
                return turn is not None and turn.id in self.page.scores
            case "sibling":
                version, versions = self.version
                at = version + (parameters[0] if isinstance(parameters[0], int) else 0)
                return not writing and 1 <= at <= versions
            case "copy_passage" | "export":
                return any(turn.prose for turn in self.page.path)
            case _:
                return super().check_action(action, parameters)

    def why_not_do(self, action: str) -> str:
        waits = action in ("tree", "context", "focus_mode", "fold_plan")
        return self.why_not if waits and self.editor.is_open else super().why_not_do(action)

    # ------------------------------------------------------------------ going on
    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        """Once: of two Enters in one burst the second finds the model writing already."""
        if self.is_current and self.check_action("go_on", ()):
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
        waiting = path[keep] if keep < len(path) else None  # a plan, for the nod that this is
        plan_only = app.studio.settings.writing.plan_first and waiting is None and not ending
        edited = self._edited_plan(waiting) if waiting is not None else None
        try:
            request = app.studio.writing.continue_story(
                self.story_id, text, ending=ending, outline=edited, plan_only=plan_only
            )
        except TalecraftError as error:
            app.tell(error)
            self.reload()
            if self.page.story.leaf_id != leaf:
                self._sent(text)
            return
        self._sent(text)
        self._page = None
        draft: tuple[int, EditedPart] | None = None
        if waiting is not None and edited is not None:
            draft = waiting.id, "outline"
        self._begin(request, keep if waiting is not None else len(self.page.path), draft)

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

    def _begin(self, request: int, keep: int, draft: tuple[int, EditedPart] | None = None) -> None:
        self.no_ghost()
        self.stepped(self.story_id)
        self.manuscript.choose_none()
        self.begin_live(request, keep, draft)
        self.manuscript.scroll_to(y=self.manuscript.max_scroll_y, animate=False, force=True)

    def action_alternatives(self) -> None:
        """Write other versions of what stands last, or of what comes next, to choose between;
        those that wait for it are shown first."""
        waiting, self._versions = self._versions, ()
        last = self.page.path[-1] if self.page.path else None
        if waiting and last is not None and waiting[0].parent_id in (last.id, last.parent_id):
            self.talecraft.show_versions(waiting)
            return
        try:
            self.no_ghost()
            studio = self.talecraft.studio
            studio.alternatives.ask(self.story_id, studio.settings.writing.versions)
            self._asked_at = monotonic()
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.manuscript.choose_none()
        self.show_score()
        self.refresh_bindings()

    def action_stop(self) -> None:
        app = self.talecraft
        app.studio.alternatives.stop()
        if app.live is not None:
            app.live.stopping = True
        app.studio.writing.stop()
        app.refresh_status()
        self.show_score()

    def action_sibling(self, step: int) -> None:
        """Of the chosen passage, with what was written on from it; else of the last one."""
        at, studio = self._midst, self.talecraft.studio
        try:
            if at is None:
                studio.writing.show_sibling(self.story_id, step)
            else:
                versions = studio.library.stories.versions(self.page.path[at].id)
                studio.branching.go_to(versions[self.version[0] - 1 + step])
            self.stepped(self.story_id)
        except TalecraftError as error:
            self.talecraft.tell(error)
        self.reload()
        if at is not None:
            self.manuscript.choose(at)

    # ------------------------------------------------------------------ the draft
    def store_draft(self, text: str) -> None:
        self.talecraft.studio.library.stories.save_draft(self.story_id, text)

    def passage_over(self, request: int, turn: Turn | None) -> None:
        super().passage_over(request, turn)
        self._over_at = monotonic()

    def action_leave(self) -> None:
        if monotonic() - self._over_at < MEANT_TO_STOP:
            self._over_at = -MEANT_TO_STOP
            key = hint("app.back", "Esc")
            self.talecraft.say(f"It has just ended by itself. {key} again leads to the library.")
        elif self.save_draft():
            self.app.pop_screen()

    # ------------------------------------------------------------------ reading
    def on_manuscript_placed(self, event: Manuscript.Placed) -> None:
        """The composer stands under the text's column, as its next paragraph."""
        right = max(0, self.size.width - event.left - event.width)
        self.query_one("#below").styles.padding = (0, right, 0, event.left)

    def on_letters_typed(self, event: Letters.Typed) -> None:
        meant = keymap.in_force().bound(self.manuscript, event.key)
        if meant and not self.manuscript.has_focus:
            key = self.app.get_key_display(meant[0])
            words = f"{key} ({meant[0].description}) is for the manuscript. Shift+Tab goes there."
            self.talecraft.say(words)
        else:
            self.composer.type_in(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Pasted where nothing is typed, as letters are: into the composer."""
        if not self.editor.is_open:
            event.stop()
            self.composer.focus()
            self.composer.pasted(event.text)

    def on_manuscript_chosen(self) -> None:
        self.show_plan()
        self.show_score()
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        self.show_score()
        self.refresh_bindings()

    def action_to_editor(self) -> None:
        self.editor.focus()

    def action_to_composer(self) -> None:
        self.manuscript.choose_none()
        self.composer.focus()

    def action_turn_page(self, step: int) -> None:
        height = max(1, self.manuscript.size.height - 2)
        self.manuscript.scroll_relative(y=step * height, animate=False, immediate=True)

    def action_fold_plan(self) -> None:
        self.talecraft.show_outline = not self.talecraft.show_outline
        self._show()
