"""The keys in force: those that the bindings declare, with the writer's own over them.

Whatever names a key (help, palette, footer, hints in the text, handlers that explain a key that
does nothing now) asks here, so that nothing on the page tells of a key that is another one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.binding import Binding, BindingsMap
from textual.dom import DOMNode

from talecraft.app.key_names import told
from talecraft.app.marks import mark

Keys = tuple[str, ...]


class Keymap:
    """`own` is what the writer rebound, by binding id; `defaults` every id's keys.

    Textual takes all bindings off a key of which one is rebound. Where a key means several things
    in turn, the others would be lost: `complete`, which it is given, therefore names these too.
    """

    def __init__(
        self, own: Mapping[str, Keys] | None = None, defaults: Mapping[str, Keys] | None = None
    ) -> None:
        self.own: Mapping[str, Keys] = own or {}
        every = {**(defaults or {}), **self.own}
        names, touched = set(self.own), set[str]()
        while more := {
            key
            for name in names
            for key in (*every[name], *(defaults or {}).get(name, ()))
            if key not in touched
        }:
            touched |= more
            names |= {name for name, keys in every.items() if touched & set(keys)}
        self.complete = {name: ",".join(keys) for name, keys in every.items() if name in names}
        self._maps: dict[type[DOMNode], BindingsMap] = {}

    def rebound(self, bindings: Iterable[Binding]) -> list[Binding]:
        """`bindings`, one a key, on the keys they have now."""
        found: dict[tuple[str, str], Binding] = {}
        for binding in bindings:
            for key in self.own.get(binding.id or "", (binding.key,)):
                found.setdefault((key, binding.action), binding.with_key(key, binding.key_display))
        return list(found.values())

    def bound(self, node: DOMNode, key: str) -> list[Binding]:
        """What `node` itself has on `key`, in the order in which it is tried."""
        kind = type(node)
        if kind not in self._maps:
            bindings = node._bindings.copy()
            bindings.apply_keymap(self.complete)
            self._maps[kind] = bindings
        return self._maps[kind].key_to_bindings.get(key, [])


_in_force = Keymap()


def use(keymap: Keymap) -> None:
    """From now on these are the keys."""
    global _in_force
    _in_force = keymap


def in_force() -> Keymap:
    return _in_force


def hint(name: str, default: str) -> str:
    """The key of a binding, by its id, as a text mentions it; `default` where it is its own."""
    own = _in_force.own.get(name)
    return told(own[0]) if own else default


def actions(node: DOMNode, key: str) -> list[str]:
    """The names of the actions that `node` itself has on `key`."""
    return [binding.action.partition("(")[0] for binding in _in_force.bound(node, key)]


def grade_keys() -> str:
    """`1–5`, or the writer's own keys, each of them."""
    ids = [f"score.{grade}" for grade in range(1, 6)]
    keys = [hint(name, name[-1]) for name in ids]
    return mark("1–5", "1 to 5") if keys == list("12345") else " ".join(keys)


def score_keys() -> str:
    """`1–5 or + −`, or the writer's own."""
    like, dislike = hint("score.like", mark("+", "plus")), hint("score.dislike", mark("−", "minus"))
    return f"{grade_keys()} or {like} {dislike}"
