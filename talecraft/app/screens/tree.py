"""The story as a tree: every passage of every branch, to search, compare, prune."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.screens.tree_actions import TreeActions
from talecraft.app.text import MUTED, count, said
from talecraft.app.widgets.passage import PassagePane
from talecraft.app.widgets.tree import TreeList
from talecraft.errors import TalecraftError
from talecraft.story.clean import clean_line
from talecraft.story.turns import Revision


class TreeScreen(TreeActions):
    """Over the page of `story_id`. `leave` is called when it is left, with the turn to read at.

    It begins at the turn `at`; None: at the end of what is read.
    """

    PAGE = True
    HELP = "The tree"
    COMMAND_WIDGETS = ("#tree",)
    AUTO_FOCUS = "#tree"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "end_find", "End search",
                tooltip="End the search, back to where it began", id="tree.end_search"),
        Binding("escape", "leave", "Page", tooltip="Back to the page", id="app.back"),
        Binding("f4", "leave", "Page", tooltip="Back to the page", id="story.tree"),
    ]  # fmt: skip

    def __init__(self, story_id: int, at: int | None, leave: Callable[[int | None], None]) -> None:
        super().__init__(story_id)
        self._start, self._leave = at, leave
        self._searched_from = 0

    def body(self) -> ComposeResult:
        yield Static(id="tree-head", markup=False)
        with Horizontal(id="tree-body"):
            with Vertical(id="tree-left"):
                yield Static(id="tree-empty", markup=False)
                yield TreeList()
            yield PassagePane()
        yield Input(placeholder="Search all passages", compact=True, id="find", max_length=200)

    def on_mount(self) -> None:
        self._find_line.display = False
        story = self.talecraft.studio.library.stories.get(self.story_id)
        self._title = clean_line(story.title)
        self.show(self._start if self._start is not None else story.leaf_id)

    # ------------------------------------------------------------------ what is shown
    @property
    def _find_line(self) -> Input:
        return self.query_one("#find", Input)

    def reload(self) -> None:
        if self.is_mounted:
            self.show(None)

    def library_changed(self) -> None:
        self.reload()

    def show(self, turn_id: int | None) -> None:
        """Read the tree again; this turn is chosen, None: the one that was."""
        try:
            self._places = self.talecraft.studio.branching.map(self.story_id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        if turn_id is None and self._chosen is not None:
            turn_id = self._chosen.turn.id
        self._list.show([one for one in self._places if self._trash or not one.pruned], turn_id)
        empty = self.query_one("#tree-empty", Static)
        empty.display = not self._list.places
        words = (
            f"All of it is in the trash; {hint('tree.trash', 't')} shows it."
            if self._places
            else f"Nothing is written yet. {hint('app.back', 'Esc')} leads back to the page."
        )
        empty.update(said((words, MUTED)))
        self._show_head()
        self.refresh_bindings()

    def _show_head(self) -> None:
        trashed = sum(one.pruned for one in self._places)
        facts = [count(len(self._places) - trashed, "passage")]
        if trashed:
            does = f"{hint('tree.trash', 't')} {'hides' if self._trash else 'shows'} it"
            facts.append(f"{trashed:,} in the trash ({does})")
        facts += self._compare_words()
        if self._list.searching:
            facts = [self._found_words()]
        self.query_one("#tree-head", Static).update(
            said(
                ("Tree", "bold $text-primary"), (f"   {mark(' · ', ', ').join(facts)}", ""),
                (f"   {self._title}", MUTED),
            )
        )  # fmt: skip

    def _compare_words(self) -> list[str]:
        """What the key that compares would compare with what, where there are branches."""
        if not any(not (one.open or one.pruned) for one in self._places):
            return []
        compare, mark_it = hint("tree.compare", "d"), hint("tree.mark", "m")
        if self._list.marked is not None:
            return [f"{compare} compares with the mark"]
        if self._chosen is not None and not self._chosen.open:
            return [f"{compare} compares with what is read"]
        return [f"{mark_it}, then {compare} elsewhere, compares"]

    def _found_words(self) -> str:
        tree = self._list
        hidden = 0 if self._trash else sum(
            one.pruned and tree.matches(one) for one in self._places
        )  # fmt: skip
        shows = f"{hint('tree.trash', 't')} shows it"
        more = f"{mark(' · ', ', ')}{hidden:,} more in the trash ({shows})" if hidden else ""
        if not tree.hits:
            return f"Not found{more}"
        at = f"{tree.hits.index(tree.at) + 1:,} of " if tree.at in tree.hits else ""
        return f"{at}{len(tree.hits):,} found{more}"

    def on_tree_list_moved(self) -> None:
        place = self._chosen
        texts: Sequence[Revision] = ()
        if place is not None:
            try:
                texts = self.talecraft.studio.branching.texts(place.turn.id)
            except TalecraftError as error:
                self.talecraft.tell(error)
        self.query_one(PassagePane).show(place, texts, self.talecraft.now())
        self._show_head()

    # ------------------------------------------------------------------ what can be done now
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if not self.is_mounted:
            return super().check_action(action, parameters)
        match action:
            case "end_find":
                return self._find_line.display
            case "leave":
                return not self._find_line.display
            case "prune":
                return self._chosen is not None and not self._chosen.pruned
            case "open" | "bookmark" | "mark" | "find" | "compare":
                return self._chosen is not None
            case "next_hit":
                return self._list.searching
            case "next_bookmark":
                return any(one.bookmark is not None for one in self._list.places)
            case "restore":
                return self._thrown is not None or (
                    self._chosen is not None and self._chosen.pruned
                )
            case "trash":
                return any(one.pruned for one in self._places)
            case _:
                return super().check_action(action, parameters)

    # ------------------------------------------------------------------ reading
    def action_leave(self) -> None:
        self._go(None)

    def _go(self, turn_id: int | None) -> None:
        self.app.pop_screen()
        self._leave(turn_id)

    def action_open(self) -> None:
        place = self._chosen
        if place is None or not self._idle():
            return
        if place.pruned:
            key = hint("tree.restore", "r")
            self.talecraft.say(f"It is in the trash; {key} brings it back first.")
            return
        if self._done(lambda: self.talecraft.studio.branching.go_to(place.turn.id)):
            self._go(place.turn.id)

    def on_tree_list_opened(self) -> None:
        self.action_open()

    # ------------------------------------------------------------------ searching
    def action_find(self) -> None:
        self._searched_from = self._list.at
        line = self._find_line
        line.display = True
        line.value = ""
        line.focus()
        self.refresh_bindings()

    def on_input_changed(self, event: Input.Changed) -> None:
        tree = self._list
        if not event.input.display:
            return
        tree.find(event.value)
        beyond = [at for at in tree.hits if at >= self._searched_from]
        tree.choose(beyond[0] if beyond else tree.hits[0] if tree.hits else self._searched_from)
        self._show_head()

    def on_input_submitted(self) -> None:
        self._close_find()

    def action_end_find(self) -> None:
        self._list.find("")
        self._list.choose(self._searched_from)
        self._close_find()

    def _close_find(self) -> None:
        self._find_line.display = False
        self._list.focus()
        self._show_head()
        self.refresh_bindings()

    def action_next_hit(self, step: int) -> None:
        self._list.jump(self._list.hits, step)
