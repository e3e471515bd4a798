"""What was learned, as a tree: which adapter writes, how each came about, and what can be done."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from talecraft.app.keymap import actions
from talecraft.app.marks import mark
from talecraft.app.screens.dialogs import AskName, Confirm
from talecraft.app.text import MUTED, count, said, when
from talecraft.app.widgets.lists import ToldList
from talecraft.app.widgets.verdicts import check_line
from talecraft.errors import TalecraftError
from talecraft.library.adapters import SHORT_ID, Adapter
from talecraft.process.run_events import Check
from talecraft.story.clean import clean_line
from talecraft.studio.adapters import NAME_LIMIT, NOTE_LIMIT, Branch, Origin

if TYPE_CHECKING:
    from talecraft.app.app import TalecraftApp

_STATES = {
    "active": ("●", "writes now", "bold $text-success"),
    "retired": ("○", "wrote before", ""),
    "candidate": ("○", "has not written", ""),
    "rejected": ("✗", "not adopted", "$text-warning"),
    "deleted": ("·", "deleted", MUTED),
}
# The gate's figures that are always shown, shortly; of its other checks those that failed.
_FIGURES: dict[str, Callable[[Check], str]] = {
    "win": lambda one: f"{one.value:.0%} of what changed is better{_sure(one)}",
    "kl": lambda one: f"{one.value:.1f} nats from where it began (KL)",
    "held-out loss": lambda one: (
        f"{math.exp(one.value):.2f} times as unsure how a tale goes on that it had not seen"
    ),
    "turns": lambda one: f"{one.value:.0%} of its turns are well formed{_sure(one)}",
    "perplexity": lambda one: f"{one.value:.2f} times the perplexity on others' prose",
}


class AdapterList(ToldList):
    """The adapters below the bare model; Enter makes one the one that writes."""

    HELP = "The tree of adapters"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Write with it",
                tooltip="Make it the one that writes", id="adapters.use"),
        Binding("n", "name", "Name", tooltip="Give the adapter a name", id="adapters.name"),
        Binding("o", "note", "Note",
                tooltip="Note something about the adapter", id="adapters.note"),
        Binding("delete,d", "delete", "Delete",
                tooltip="Delete the adapter's files for good", id="adapters.delete"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__(id="adapters", markup=False)
        self._tree: list[Branch] = []

    @property
    def talecraft(self) -> TalecraftApp:
        return cast("TalecraftApp", self.app)

    @property
    def chosen(self) -> Adapter | None:
        """The highlighted adapter; None on the bare model."""
        at = self.highlighted or 0
        return self._tree[at - 1].adapter if 0 < at <= len(self._tree) else None

    def show(self) -> None:
        """Read the tree again; the same line stays highlighted, at first the one that writes."""
        studio = self.talecraft.studio
        first, chosen = not self.options, self.chosen
        self._tree = studio.adapters.tree(studio.model.id)
        ids = [one.adapter.id for one in self._tree]
        writing = next((one.adapter.id for one in self._tree if one.adapter.state == "active"), "")
        self.clear_options()
        self.add_option(Option(_root_line(studio.model.title, not writing)))
        self.add_options([Option(_line(one, self.talecraft.now())) for one in self._tree])
        wanted = writing if first else chosen.id if chosen is not None else ""
        self.highlighted = ids.index(wanted) + 1 if wanted in ids else 0
        self.call_after_refresh(self.scroll_to_highlight)

    # ------------------------------------------------------------------ what can be done
    def _refusal(self, action: str) -> str:
        """Why this cannot be done to what is highlighted, or nothing."""
        adapter = self.chosen
        if action not in ("select", "name", "note", "delete"):
            return ""
        if adapter is None:
            return "" if action == "select" else "That is the model as it came; choose an adapter."
        if adapter.deleted_at is not None:
            return "It was deleted; it stands here because others came after it."
        if action == "delete" and adapter.state == "active":
            return "It is the one that writes. Roll back first, or write with another one."
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not self._refusal(action) and super().check_action(action, parameters)

    def on_key(self, event: events.Key) -> None:
        """Where a key does nothing, say why. Textual calls this before the binding."""
        for action in actions(self, event.key):
            if words := self._refusal(action):
                self.talecraft.say(words)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        adapter = self.chosen
        called = f"adapter {adapter.label}" if adapter is not None else "the model as it came"
        self._do(
            lambda: self.talecraft.studio.use_adapter(adapter.id if adapter is not None else None),
            f"From the next passage on {called} writes.",
        )

    def action_name(self) -> None:
        if (adapter := self.chosen) is None:
            return

        def name(given: str | None) -> None:
            if given is not None:
                self._do(lambda: self.talecraft.studio.adapters.name(adapter.id, given))

        question = f"What shall adapter {clean_line(adapter.short_id)} be called?"
        self.app.push_screen(AskName(question, adapter.name, NAME_LIMIT, optional=True), name)

    def action_note(self) -> None:
        if (adapter := self.chosen) is None:
            return

        def note(given: str | None) -> None:
            if given is not None:
                self._do(lambda: self.talecraft.studio.adapters.note(adapter.id, given))

        question = f"A note on {clean_line(adapter.label)}"
        self.app.push_screen(AskName(question, adapter.note, NOTE_LIMIT, optional=True), note)

    def action_delete(self) -> None:
        if (adapter := self.chosen) is None:
            return
        label = clean_line(adapter.label)

        def delete(yes: bool | None) -> None:
            if yes:
                self._do(
                    lambda: self.talecraft.studio.adapters.delete(adapter.id),
                    f"{label} is deleted. What it wrote stays.",
                )

        question = Confirm(
            f"Delete adapter {label}?",
            "Its files cannot be brought back. What it wrote stays, and so do the adapters that"
            " came after it.",
            "Delete",
        )
        self.app.push_screen(question, delete)

    def _do(self, change: Callable[[], object], said_then: str = "") -> None:
        """Change something and show what is so now; an error becomes a notice."""
        try:
            change()
        except TalecraftError as error:
            self.talecraft.tell(error)
        else:
            if said_then:
                self.talecraft.say(said_then)
        try:
            self.show()
        except TalecraftError as error:
            self.talecraft.tell(error)
        self.screen.refresh_bindings()


class AdapterPanel(Vertical):
    """The tree, and beside or below it what is known of the highlighted adapter."""

    def compose(self) -> ComposeResult:
        yield Static(
            said(
                ("Adapters", "bold $text-primary"),
                (
                    mark(
                        "   each took over from the one above it in its column",
                        "   what each took over from is told beside it",
                    ),
                    MUTED,
                ),
            ),
            id="adapters-head",
        )
        with Horizontal(id="adapters-body"):
            yield AdapterList()
            with VerticalScroll(id="adapter-detail", can_focus=False):
                yield Static(id="adapter-words", markup=False)

    def show(self) -> None:
        """Read everything again. Raises LibraryError."""
        self.query_one(AdapterList).show()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        tree = self.query_one(AdapterList)
        talecraft = tree.talecraft
        self.screen.refresh_bindings()
        try:
            if tree.chosen is None:
                words = _root_words(talecraft.studio.model.title)
            else:
                origin = talecraft.studio.adapters.origin(tree.chosen)
                words = _words(origin, talecraft.studio.model.title, talecraft.now())
        except TalecraftError as error:
            talecraft.tell(error)
            return
        self.query_one("#adapter-words", Static).update(words)
        if tree.has_focus:
            self.keep_in_view()

    def on_descendant_focus(self) -> None:
        self.keep_in_view()

    def keep_in_view(self) -> None:
        """Scroll to it, once all has found its size."""
        self.call_after_refresh(self.scroll_visible, top=False, animate=False)


def _place(branch: Branch) -> str:
    """Where it stands in the tree; in words, how many it came after."""
    after = count(branch.depth, "adapter") if branch.depth else "the model as it came"
    return mark(branch.rails, f"After {after}: ")


def _mark(adapter: Adapter) -> tuple[str, str, str]:
    return _STATES["deleted" if adapter.deleted_at is not None else adapter.state]


def _line(branch: Branch, now: datetime) -> Content:
    """One adapter: its place, a mark, its name before its id, and its state as a word."""
    adapter = branch.adapter
    sign, word, style = _mark(adapter)
    name = clean_line(adapter.name)
    short = clean_line(adapter.short_id)
    title = [(name, "bold" if style.startswith("bold") else ""), f" {short}"] if name else [short]
    return said(
        (_place(branch), MUTED), (mark(f"{sign} "), style), *title, "  ", (word, style),
        (" · knows the pattern" if adapter.is_root and adapter.state != "rejected" else "", MUTED),
        (f" · {when(adapter.created_at, now)}", MUTED),
    )  # fmt: skip


def _root_line(title: str, writes: bool) -> Content:
    sign, word, style = _STATES["active" if writes else "retired"]
    words = ("  ", (word, style)) if writes else ()
    return said((mark(f"{sign} "), style), clean_line(title), (" as it came", MUTED), *words)


def _root_words(title: str) -> Content:
    return said(
        (f"{clean_line(title)} as it came", "bold"), "\n",
        ("With nothing learned from you.", MUTED),
    )  # fmt: skip


def _words(origin: Origin, title: str, now: datetime) -> Content:
    """An adapter's figures: whence, from what, and how it was judged."""
    one = origin.adapter
    sign, word, style = _mark(one)
    before = origin.parent.label if origin.parent is not None else f"{title} as it came"
    came = "Was compared with" if one.state == "rejected" else "Took over from"
    lines = [
        said((clean_line(one.label), "bold"), "  ", (mark(f"{sign} ") + word, style)),
        said(
            (f"{came} {clean_line(before)}. Made {when(one.created_at, now)};", MUTED),
            (f" has written {_passages(origin.passages)}.", MUTED),
        ),
    ]
    if one.is_root and one.state == "rejected":
        lines.append(said("It was to learn the pattern from tales."))
    elif one.is_root:
        lines.append(said("It has learned the pattern; training after it begins there."))
    elif one.root_id is not None:
        lines.append(
            said((f"It began at {one.root_id[:SHORT_ID]}, which knows the pattern.", MUTED))
        )
    if one.note:
        lines.append(said(("Note: ", MUTED), (clean_line(one.note), "italic")))
    if (taste := origin.taste) is not None:
        lines.append(
            said(
                f"Learned from {count(taste.opinions, 'opinion')} in"
                f" {count(taste.stories, 'story', 'stories')}; orders {taste.concordance:.0%} of"
                " unseen pairs as you do."
            )
        )
    if origin.outcome is None:
        lines.append(said(("How it was judged is not recorded.", MUTED)))
    else:
        lines += filter(None, map(_figure, origin.outcome.checks))
    return Content("\n").join(lines)


def _passages(number: int) -> str:
    return count(number, "passage") if number else "nothing yet"


def _figure(check: Check) -> Content | None:
    if (words := _FIGURES.get(check.name)) is not None:
        return check_line(check, words(check))
    return None if check.passed else check_line(check, check.words)


def _sure(check: Check) -> str:
    if check.low is None or check.high is None:
        return ""
    return f" (90 % sure: {check.low:.0%} to {check.high:.0%})"
