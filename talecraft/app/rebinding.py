"""Taking in the writer's `[keymap]`: what holds, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from textual.app import App
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from talecraft.app.key_names import character, parse
from talecraft.app.keymap import Keymap, Keys
from talecraft.app.keys import Place, bindings_of, help_groups, places
from talecraft.config import strict
from talecraft.config.settings import Settings
from talecraft.errors import meant
from talecraft.paths import Home

# Where one key has a meaning of its own in each place: what they have in common.
_GENERALLY = {
    "app.back": "Back to where you were",
    "dialog.cancel": "Leave it as it was",
    "score.like": "Like the passage or the plan",
    "score.dislike": "Dislike the passage or the plan",
    "score.take_back": "Take back the score of the passage or the plan",
    "story.redo": "Do again what was taken back",
    "story.tree": "The story as a tree: search, compare, bring back; and back to the page",
    "story.undo": "Take back what was done last",
    "tree.compare": "Compare the branch here with the marked one, and back to the tree",
    **{f"score.{n}": "Score the passage or the plan, 1 to 5" for n in range(1, 6)},
}


class Refused(NamedTuple):
    """An entry that does not hold, and why."""

    name: str
    keys: str
    why: str

    @property
    def words(self) -> str:
        return f'{self.name} = "{self.keys}" does not hold: {self.why}.'.replace("?.", "?")


class Known(NamedTuple):
    """What an id stands for: its own keys, its words, whether it works where one types."""

    keys: Keys
    words: str
    typing: bool


def take(wanted: Mapping[str, str]) -> tuple[Keymap, list[Refused]]:
    """The keys in force with as much of `wanted` as can be; an entry that cannot is left out.

    Of entries that want one key the first holds. Two that change places are no clash.
    """
    if not wanted:
        return Keymap(), []
    known = known_ids()
    own: dict[str, Keys] = {}
    refused: list[Refused] = []
    for name, keys in wanted.items():
        try:
            own[name] = _checked(name, keys, known)
        except ValueError as error:
            refused.append(Refused(name, keys, str(error)))
    while clash := _clash(own, known):
        name, why = clash
        del own[name]
        refused.append(Refused(name, wanted[name], why))
    return Keymap(own, {name: one.keys for name, one in known.items()}), refused


def of_settings(settings: Settings, home: Home) -> tuple[Keymap, list[str]]:
    """The keys in force, and a line with file and entry for each that does not hold."""
    keymap, refused = take(settings.keys)
    file = home.settings_file
    return keymap, [f"{strict.where(file, 'keymap', 0, one.name)}: {one.words}" for one in refused]


def known_ids() -> dict[str, Known]:
    """Every id that can be rebound, in the order of the help."""
    typing = {
        binding.id
        for place in places()
        if any(issubclass(kind, (Input, TextArea)) for kind in place)
        for binding in _of(place)
    }
    found: dict[str, Known] = {}
    for kind in help_groups():
        for binding in bindings_of(kind, Keymap()):
            if binding.id is None:
                continue
            keys, words, _ = found.get(binding.id, Known((), "", False))
            keys = keys if binding.key in keys else (*keys, binding.key)
            mine = _GENERALLY.get(binding.id) or binding.tooltip or binding.description
            words = min(words or mine, mine, key=len)  # of two places the one said more generally
            found[binding.id] = Known(keys, words, binding.id in typing)
    return found


def _of(place: Place) -> Iterator[Binding]:
    """All bindings of a place, Textual's own too. Over a question only the app's priority keys
    work."""
    modal = any(issubclass(kind, ModalScreen) for kind in place)
    for kind in place:
        for _, binding in kind._merged_bindings or ():
            if binding.priority or not (modal and issubclass(kind, App)):
                yield binding


def _checked(name: str, keys: str, known: Mapping[str, Known]) -> Keys:
    if name not in known:
        raise ValueError(f"there is no such name. {meant(name, known)}".strip())
    parsed = parse(keys)
    for key in parsed:
        typed = character(key)
        if not typed or not known[name].typing:
            continue
        if not any(map(character, known[name].keys)):
            raise ValueError(f"it is wanted where one types, and there {key} is text")
        if typed.isalpha() or typed.isspace():  # a sign or digit is text too if a text follows
            raise ValueError(f"in a composer {key} begins a text")
    return parsed


def _clash(own: dict[str, Keys], known: Mapping[str, Known]) -> tuple[str, str] | None:
    """The last entry that takes a key away from another one in the same place, and from which."""
    for name in reversed(own):
        for place in places():
            found = list(_of(place))
            ids = {binding.id for binding in found if binding.id in known}
            if name not in ids:
                continue
            others = {
                one.key: one.description or one.action for one in found if one.id not in known
            }
            for key in own[name]:
                if key in others and key not in known[name].keys:
                    return name, f"there {key} is taken ({others[key].replace('_', ' ').lower()})"
                for other in sorted(filter(None, ids - {name})):
                    if key in own.get(other, known[other].keys) and not (
                        set(known[name].keys) & set(known[other].keys)  # these take turns
                    ):
                        return name, f"there {key} is the key of {other}"
    return None
