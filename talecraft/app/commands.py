"""The palette: everything that can be done now, by name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.types import IgnoreReturnCallbackType

from talecraft.app.keys import Command, commands_of
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import said

_CALLED = 100.0  # more than any match scores


class Commands(Provider):
    """The commands of the app, the screen and its widgets that work at this moment."""

    def _available(self) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        """What can be done now: in words, by which key, and the doing."""
        told: set[tuple[object, ...]] = set()  # one thing may have its key in two places
        for node in self._nodes():
            for kind in type(node).__mro__:
                if "HELP" not in kind.__dict__:
                    continue
                for command in commands_of(kind, self.app):
                    for action, key, words in _each(command):
                        one = (*self.app._parse_action(action, node), key, words)
                        if one not in told and self._works(action, node):
                            told.add(one)
                            yield words, key, partial(self.app.run_action, action, node)
        for action, words in (
            ("taste", "Choose between pairs of passages (taste round)"),
            ("compare", "Compare before and after training, not told which is which"),
            ("goal", "Words: a goal for the day, and what was written so far"),
            ("theme", "Change the colours (theme)"),
        ):
            if self._works(action, self.app):
                yield words, "", partial(self.app.run_action, action, self.app)

    def _nodes(self) -> Iterator[DOMNode]:
        screen = self.screen
        yield screen
        if isinstance(screen, TalecraftScreen):
            for selector in screen.COMMAND_WIDGETS:
                yield from screen.query(selector)
        yield self.app

    def _works(self, action: str, node: DOMNode) -> bool:
        target, name, parameters = self.app._parse_action(action, node)
        return bool(target.check_action(name, parameters))

    async def discover(self) -> Hits:
        for words, key, run in self._available():
            yield DiscoveryHit(said(words), run, words, key or None)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for words, key, run in self._available():
            if (score := matcher.match(words)) > 0:
                # What it is called comes before what only tells of it.
                if words.casefold().startswith(query.casefold()):
                    score += _CALLED
                yield Hit(score, matcher.highlight(words), run, words, key or None)


def _each(command: Command) -> Iterator[tuple[str, str, str]]:
    """A command's actions, each with its keys and its words, by which it is found: the name that
    the footer has for it, and what it does. Scores are told apart by their keys."""
    for action, key in zip(command.actions, command.own_keys, strict=True):
        alone = len(command.actions) == 1
        words = command.words if alone else f"{command.words}: {key}"
        named = command.name.casefold() in words.casefold()
        yield action, key, words if named else f"{command.name}: {words}"
