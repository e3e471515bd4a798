"""Every key and what it does, read from the bindings themselves: help and palette use this."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode


class Command(NamedTuple):
    """One thing that can be done: the keys that do it, the words that say it, and how to do it
    (one action per key where the key is also the choice, as with scores)."""

    keys: str
    words: str
    actions: tuple[str, ...]


def bindings_of(kind: type[DOMNode]) -> list[Binding]:
    """The bindings `kind` itself declares, in order, one per key."""
    return list(Binding.make_bindings(kind.__dict__.get("BINDINGS", ())))


def commands_of(kind: type[DOMNode], app: App[object]) -> list[Command]:
    """What can be done with `kind`: keys of one meaning stand together."""
    grouped: dict[str, tuple[list[str], list[str]]] = {}
    for binding in bindings_of(kind):
        keys, actions = grouped.setdefault(binding.tooltip or binding.description, ([], []))
        keys.append(app.get_key_display(binding))
        if binding.action not in actions:
            actions.append(binding.action)
    return [
        Command(" ".join(keys), words, tuple(actions)) for words, (keys, actions) in grouped.items()
    ]


def help_groups() -> Iterator[type[DOMNode]]:
    """Everything that declares keys, in the order the help shows them."""
    from talecraft.app.app import TalecraftApp
    from talecraft.app.screens.choosing import ChoosingScreen
    from talecraft.app.screens.comparing import ComparisonScreen
    from talecraft.app.screens.dialogs import AskName, Choose, Confirm
    from talecraft.app.screens.difference import DifferenceScreen
    from talecraft.app.screens.focus import FocusMode
    from talecraft.app.screens.help import HelpScreen
    from talecraft.app.screens.library import LibraryScreen, StoryList
    from talecraft.app.screens.models import ModelList, ModelsScreen
    from talecraft.app.screens.opening import OpeningComposer, OpeningScreen
    from talecraft.app.screens.pasting import LongPaste
    from talecraft.app.screens.settings import SettingsScreen
    from talecraft.app.screens.tasting import TastingScreen
    from talecraft.app.screens.tokens import TokensScreen
    from talecraft.app.screens.training import TrainingScreen
    from talecraft.app.screens.tree import TreeScreen
    from talecraft.app.screens.writing import WritingScreen
    from talecraft.app.widgets.adapters import AdapterList
    from talecraft.app.widgets.composer import Composer, ScoringComposer
    from talecraft.app.widgets.editor import Editor
    from talecraft.app.widgets.manuscript import Manuscript
    from talecraft.app.widgets.outline import OutlinePane
    from talecraft.app.widgets.proposal import ProposalView
    from talecraft.app.widgets.settings import SettingsList
    from talecraft.app.widgets.skeleton import Skeleton
    from talecraft.app.widgets.tokens import TokenChoices, TokenFlow
    from talecraft.app.widgets.tree import TreeList

    yield TalecraftApp
    yield from (WritingScreen, FocusMode, Composer, ScoringComposer)
    yield from (Manuscript, OutlinePane, Skeleton, Editor, ProposalView)
    yield from (ChoosingScreen, TokensScreen, TokenFlow, TokenChoices)
    yield from (TreeScreen, TreeList, DifferenceScreen)
    yield from (LibraryScreen, StoryList, OpeningScreen, OpeningComposer)
    yield from (ModelsScreen, ModelList, TrainingScreen, AdapterList)
    yield from (TastingScreen, ComparisonScreen, SettingsScreen, SettingsList)
    yield from (AskName, Choose, Confirm, LongPaste, HelpScreen)
