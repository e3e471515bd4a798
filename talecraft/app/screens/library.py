"""The library: every story, and the trash."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from talecraft.app.keymap import hint
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, count, said, when
from talecraft.app.widgets.lists import ToldList
from talecraft.errors import TalecraftError
from talecraft.story.clean import clean_line
from talecraft.studio import reading
from talecraft.studio.reading import Shelved


class StoryList(ToldList):
    """The stories; Enter opens one, or in the trash brings it back."""

    HELP = "The list of stories"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open", "Open", tooltip="Open the story", id="library.open"),
        Binding("enter", "screen.restore", "Restore",
                tooltip="In the trash: bring it back", id="library.open"),
    ]  # fmt: skip


class LibraryScreen(TalecraftScreen):
    """The shelf. Enter opens; what is put into the trash comes back with one key."""

    PAGE = True
    PLACE = "library"
    HELP = "The library"
    COMMAND_WIDGETS = ("#stories",)
    AUTO_FOCUS = "#stories"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "app.new_story", "New", tooltip="Begin a new story", id="library.new"),
        Binding("r", "rename", "Rename",
                tooltip="Give the story another title", id="library.rename"),
        Binding("d,delete", "trash", "Trash",
                tooltip="Put the story into the trash", id="library.trash"),
        Binding("u", "restore", "Restore",
                tooltip="Bring the story back from the trash", id="library.restore"),
        Binding("t", "show_trash", "Show trash",
                tooltip="Show what is in the trash", id="library.show_trash"),
        Binding("t,escape", "show_stories", "Stories",
                tooltip="Back from the trash", id="library.stories"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._trash = False
        self._shelf: list[Shelved] = []
        self._trashed = 0
        self._last_trashed: int | None = None

    def body(self) -> ComposeResult:
        with Vertical(id="shelf"):
            yield Static(id="shelf-head", classes="heading", markup=False)
            yield Static(id="shelf-empty", markup=False)
            yield StoryList(id="stories", markup=False)

    def on_mount(self) -> None:
        self.show_shelf()

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.show_shelf()

    def library_changed(self) -> None:
        if self.is_current:
            self.show_shelf()

    def show_shelf(self) -> None:
        """Read the library again; the same story stays highlighted where it is still there."""
        chosen = self._chosen
        try:
            library = self.talecraft.studio.library
            self._shelf = reading.shelf(library, self._trash)
            self._trashed = len(library.stories.list(trashed=True))
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            [part for one in self._shelf for part in (Option(self._prompt(one)), None)][:-1]
        )
        ids = [one.story.id for one in self._shelf]
        at = ids.index(chosen.story.id) if chosen and chosen.story.id in ids else 0
        options.highlighted = at if ids else None
        options.display = bool(ids)
        if ids and self.focused is None:  # an empty list is hidden and had lost the focus
            options.focus()
        self._show_head()
        self.refresh_bindings()

    def _show_head(self) -> None:
        what = "Trash" if self._trash else "Stories"
        empty = (
            f"The trash is empty. {hint('library.stories', 't')} goes back."
            if self._trash
            else f"Press {hint('library.new', 'n')} to begin a story."
        )
        self.query_one("#shelf-head", Static).update(
            said((what, "bold $text-primary"), (f"   {len(self._shelf)}", MUTED))
        )
        note = self.query_one("#shelf-empty", Static)
        note.update(said((empty, MUTED)))
        note.display = not self._shelf

    def _prompt(self, one: Shelved) -> Content:
        facts = [count(one.words, "word"), when(one.changed_at, self.talecraft.now())]
        if one.story.draft.strip():
            facts.append("unsent draft")
        return said(
            (clean_line(one.story.title), "bold"), "\n", (" · ".join(filter(None, facts)), "dim")
        )

    @property
    def _chosen(self) -> Shelved | None:
        at = self.query_one(OptionList).highlighted
        return self._shelf[at] if at is not None and at < len(self._shelf) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "open" | "rename" | "trash":
                return not self._trash and self._chosen is not None
            case "restore":
                return self._chosen is not None if self._trash else self._last_trashed is not None
            case "show_trash":
                return not self._trash and self._trashed > 0
            case "show_stories":
                return self._trash
            case _:
                return super().check_action(action, parameters)

    def why_not_do(self, action: str) -> str:
        match action:
            case "rename" | "trash" | "restore" if self._trash and self._chosen is None:
                return "The trash is empty."
            case "rename" | "trash" if self._trash:
                key = hint("library.restore", "u")
                return f"It is in the trash. {key} brings it back first."
            case "rename" | "trash":
                return f"There is no story yet. {hint('library.new', 'n')} begins one."
            case "restore":
                return "Nothing was put into the trash just now."
            case "show_trash":
                return "The trash is empty."
            case _:
                return ""

    # ------------------------------------------------------------------ what can be done
    def on_option_list_option_selected(self) -> None:
        if self._trash:
            self.action_restore()
        else:
            self.action_open()

    def action_open(self) -> None:
        if self._chosen is not None:
            self.talecraft.open_story(self._chosen.story.id)

    def action_rename(self) -> None:
        from talecraft.app.screens.dialogs import AskName

        if (chosen := self._chosen) is None:
            return

        def rename(title: str | None) -> None:
            if title is None:
                return
            try:
                self.talecraft.studio.writing.rename(chosen.story.id, title)
            except TalecraftError as error:
                self.talecraft.tell(error)
            self.show_shelf()

        self.app.push_screen(AskName("The story's title", chosen.story.title), rename)

    def action_trash(self) -> None:
        if (chosen := self._chosen) is not None and self._set_trashed(chosen.story.id, True):
            self._last_trashed = chosen.story.id
            key = hint("library.restore", "u")
            self.talecraft.say(
                f"{chosen.story.title} is in the trash. {key} brings it back.", "Nothing is deleted"
            )
            self.show_shelf()

    def action_restore(self) -> None:
        chosen = self._chosen if self._trash else None
        story_id = chosen.story.id if chosen is not None else self._last_trashed
        if story_id is not None and self._set_trashed(story_id, False):
            self._last_trashed = None
            self.talecraft.say("The story is back among the others.")
            self.show_shelf()

    def _set_trashed(self, story_id: int, trashed: bool) -> bool:
        try:
            self.talecraft.studio.library.stories.trash(story_id, trashed)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        return True

    def action_show_trash(self) -> None:
        self._trash = True
        self.show_shelf()

    def action_show_stories(self) -> None:
        self._trash = False
        self.show_shelf()
        self.query_one(OptionList).focus()
