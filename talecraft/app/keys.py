"""Every key and what it does, read from the bindings themselves: help and palette use this."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input

from talecraft.app import keymap

# Where keys work together: the widget that has the focus, its screen, the app.
Place = tuple[type[DOMNode], ...]


class Command(NamedTuple):
    """One thing that can be done: the keys that do it, its name, what it does, and how to do it
    (several actions where the key is also the choice, as with scores, each with its `own_keys`)."""

    keys: str
    name: str
    words: str
    actions: tuple[str, ...]
    own_keys: tuple[str, ...]


def bindings_of(kind: type[DOMNode], keys: keymap.Keymap | None = None) -> list[Binding]:
    """What `kind` itself declares, in order, one per key: on the keys in force, or on `keys`."""
    declared = Binding.make_bindings(kind.__dict__.get("BINDINGS", ()))
    return (keys or keymap.in_force()).rebound(declared)


def commands_of(kind: type[DOMNode], app: App[object]) -> list[Command]:
    """What can be done with `kind`: keys of one meaning stand together."""
    grouped: dict[str, dict[str, list[str]]] = {}
    names: dict[str, str] = {}
    for binding in bindings_of(kind):
        if binding.action == "say_why_not":  # is no deed
            continue
        names.setdefault(binding.tooltip or binding.description, binding.description)
        actions = grouped.setdefault(binding.tooltip or binding.description, {})
        actions.setdefault(binding.action, []).append(app.get_key_display(binding))
    return [
        Command(
            " ".join(dict.fromkeys(key for keys in actions.values() for key in keys)),
            names[words],
            words,
            tuple(actions),
            tuple(" ".join(keys) for keys in actions.values()),
        )
        for words, actions in grouped.items()
    ]


def help_groups() -> Iterator[type[DOMNode]]:
    """Everything that declares keys, in the order the help shows them: the app, then each screen
    before the widgets that stand on it (`places` goes by this)."""
    from talecraft.app.app import TalecraftApp
    from talecraft.app.screens.choosing import ChoosingScreen
    from talecraft.app.screens.comparing import ComparisonScreen
    from talecraft.app.screens.context import ContextScreen
    from talecraft.app.screens.dialogs import AskName, Choose, Confirm
    from talecraft.app.screens.difference import DifferenceScreen
    from talecraft.app.screens.focus import FocusMode
    from talecraft.app.screens.form import Form
    from talecraft.app.screens.help import HelpScreen
    from talecraft.app.screens.library import LibraryScreen, StoryList
    from talecraft.app.screens.models import ModelList, ModelsScreen
    from talecraft.app.screens.opening import OpeningComposer, OpeningScreen
    from talecraft.app.screens.pasting import LongPaste
    from talecraft.app.screens.practised import PractisedScreen
    from talecraft.app.screens.settings import SettingsScreen
    from talecraft.app.screens.tasting import TastingScreen
    from talecraft.app.screens.tokens import TokensScreen
    from talecraft.app.screens.training import TrainingScreen
    from talecraft.app.screens.tree import TreeScreen
    from talecraft.app.screens.writing import WritingScreen
    from talecraft.app.widgets.adapters import AdapterList
    from talecraft.app.widgets.composer import Composer
    from talecraft.app.widgets.context import ContextList
    from talecraft.app.widgets.editor import Editor
    from talecraft.app.widgets.ghost import GhostComposer
    from talecraft.app.widgets.manuscript import Manuscript
    from talecraft.app.widgets.outline import OutlinePane
    from talecraft.app.widgets.proposal import ProposalView
    from talecraft.app.widgets.scoring import ScoringComposer
    from talecraft.app.widgets.settings import SettingsList
    from talecraft.app.widgets.skeleton import Skeleton
    from talecraft.app.widgets.tokens import TokenChoices, TokenFlow
    from talecraft.app.widgets.tree import TreeList

    yield TalecraftApp
    yield from (WritingScreen, FocusMode, Composer, ScoringComposer, GhostComposer)
    yield from (Manuscript, OutlinePane, Skeleton, Editor, ProposalView)
    yield from (ChoosingScreen, TokensScreen, TokenFlow, TokenChoices)
    yield from (TreeScreen, TreeList, DifferenceScreen, ContextScreen, ContextList)
    yield from (LibraryScreen, StoryList, OpeningScreen, OpeningComposer)
    yield from (ModelsScreen, ModelList, TrainingScreen, AdapterList, PractisedScreen)
    yield from (TastingScreen, ComparisonScreen, SettingsScreen, SettingsList)
    yield from (AskName, Choose, Confirm, Form, LongPaste, HelpScreen)


def owner_of(key: str) -> tuple[type[DOMNode], Binding] | None:
    """Where `key` does something, the first place that the help tells of, and what. What is part of
    a screen counts as that screen."""
    screen: type[DOMNode] | None = None
    for kind in help_groups():
        if screen is None or not issubclass(screen, kind):
            screen = kind if issubclass(kind, Screen) else None
        for binding in bindings_of(kind):
            if binding.key == key and binding.action != "say_why_not":
                return screen or kind, binding
    return None


def places() -> list[Place]:
    """Every place that a key can be pressed in."""
    app, *kinds = help_groups()
    focused = _without_keys()
    found: list[Place] = []
    screen: type[DOMNode] = app
    for kind in kinds:
        if not issubclass(kind, Screen):
            found.append((kind, screen, app))
        elif not issubclass(screen, kind):  # else a part of the screen before
            screen = kind
            found.append((kind, app))
            found += [(widget, kind, app) for widget in focused.get(kind, ())]
    return found


def _without_keys() -> dict[type[DOMNode], tuple[type[DOMNode], ...]]:
    """What has the focus on a screen and no keys of ours, but Textual's own: lines that are typed
    in, and what scrolls."""
    from talecraft.app.screens.choosing import ChoosingScreen, Version
    from talecraft.app.screens.dialogs import AskName, Choose
    from talecraft.app.screens.difference import DifferenceScreen
    from talecraft.app.screens.settings import SettingsScreen
    from talecraft.app.screens.tree import TreeScreen
    from talecraft.app.widgets.difference import DiffView
    from talecraft.app.widgets.lists import ToldList
    from talecraft.app.widgets.passage import PassagePane

    return {
        AskName: (Input,),
        Choose: (ToldList,),
        ChoosingScreen: (Version,),
        DifferenceScreen: (DiffView,),
        SettingsScreen: (Input,),
        TreeScreen: (Input, PassagePane),
    }
