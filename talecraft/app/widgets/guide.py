"""The guide's line: where the writer is on the first way round, and the one next thing to do."""

from __future__ import annotations

from contextlib import suppress
from textwrap import shorten
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from talecraft.app.keymap import grade_keys, hint
from talecraft.app.text import MUTED, said
from talecraft.errors import TalecraftError
from talecraft.story.clean import clean_line
from talecraft.studio.guide import STEPS, Next, Step

if TYPE_CHECKING:
    from talecraft.app.app import TalecraftApp
    from talecraft.app.screens.base import TalecraftScreen

# Elsewhere the guide says only what is meant for that very place, so as never to be in the way.
_PLACES = ("library", "new_story", "page", "training")
_IDS = {
    "Esc": "app.back", "Enter": "page.continue", "Ctrl+R": "page.retry", "F3": "app.training",
    "n": "library.new", "a": "taste.first", "b": "taste.second", "t": "training.taste",
    "s": "training.start", "e": "training.example", "c": "training.go_on",
    "v": "training.compare", "1": "opening.line_1", "2": "opening.line_2", "3": "opening.line_3",
}  # fmt: skip
_LONGEST = 110  # characters of what a run said
_OVER = "That was the loop: write, choose, train, compare. Go round it as often as you like."
# What to do next, by step and place; under "" for those that are not named. Keys stand between
# backticks, each with the id of its binding before it where that is not the one of _IDS.
_WORDS: dict[Step, dict[str, str]] = {
    "begin": {
        "": "Every story begins with a first line. `Esc` leads back; there `n` offers you three.",
        "library": "`n` begins a story: with one of three first lines, or with your own.",
        "new_story": "Take a first line with `1`, `2` or `3`, or write your own and press `Enter`.",
    },
    "write": {
        "": "`Esc` leads back. In your story `Enter` lets the model write.",
        "library": "`library.open:Enter` opens your story. There the model writes on.",
        "page": "`Enter` lets the model write: first its plan, then its prose.",
        "writing": "Its plan comes first, then its prose. `page.stop:Esc` stops it, keeping both.",
    },
    "judge": {
        "": "`Esc` leads back. In your story, say how you like what the model wrote.",
        "library": "`library.open:Enter` opens your story. Say there how you like what came.",
        "page": "Read its plan, its prose. `1–5` say how you like it; `Ctrl+R` writes it anew.",
    },
    "choose": {
        "": "Teach it your taste: `F3`, then `t`. 24 pairs, one key each, some three minutes.",
        "training": "`t` begins a taste round: 24 pairs, one key each, some three minutes.",
        "taste": "`a` or `b`, as you like it. What is clear to you teaches most; ties are fair.",
    },
    "train": {
        "": "Perhaps enough to learn from: `F3` reads it all, then `s` trains. Write on meanwhile.",
        "training": "What you said is read first; then `s` trains, or it says what is missing.",
        "taste": "Perhaps enough to learn from. `F3` reads it all; there `s` starts a run.",
    },
    "watch": {
        "": "It is learning; `F3` shows how it goes. Write on, or quit: it goes on by itself.",
        "training": "It is learning; a test comes last. `e` shows an example, `Esc` leads back.",
    },
    "stopped": {
        "": "The run came to no verdict. `F3`, then `c` goes on with it; `s` starts anew.",
        "training": "The run came to no verdict. `c` goes on with it; `s` starts anew.",
    },
    "failed": {
        "": "The run failed; nothing changed. `F3` says why; `s` there starts another.",
        "training": "The run failed; nothing changed. It says why here; `s` starts another.",
    },
    "adopted": {
        "": "It has learned, and writes from now on. `Esc` leads back: write on with it.",
        "library": "It has learned, and writes from now on. `library.open:Enter` opens your story.",
        "page": "It has learned, and writes from now on. `Enter` writes on with it.",
    },
    "another": {
        "": "It has learned, and writes when its model does: `app.models:F2` chooses the model.",
        "compare": "Which is which you learn at the end. `a` or `b`, as you like it.",
    },
    "compare": {
        "": "Better to your ear? `F3`, then `v` compares before and after, blind.",
        "training": "Better to your ear? `v` compares before and after, blind.",
        "compare": "Which is which you learn at the end. `a` or `b`, as you like it.",
    },
    "rejected": {
        "": "A fair end, too: it was tried and not taken. {}`F3` says more; each run begins anew.",
        "training": "A fair end, too: it was tried and not taken. Each run begins anew.",
        "taste": "The next run begins anew, and learns from these too. `a` or `b`, as you like it.",
    },
    "refused": {
        "": "A fair end, too; nothing changed. {}More and clearer choices help: `F3`, then `t`.",
        "training": "A fair end, too; nothing changed. More and clearer choices help: `t`.",
        "taste": "More and clearer choices help. `a` or `b`, as you like it.",
    },
    "over": {"": _OVER},
}  # fmt: skip


class GuideLine(Static):
    """Says what comes next whenever something has changed on its screen. Nobody waits for it."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(markup=False, classes="-silent")
        self._said: Content | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen.is_current:
            self.look()

    def look(self) -> None:
        """Look at what has been done, and say what comes next; where that cannot be read, nothing.

        That is an error for those to tell who were asked for something.
        """
        app, screen = cast("TalecraftApp", self.app), cast("TalecraftScreen", self.screen)
        place, words = screen.PLACE or screen.SHOWN_BY, None
        with suppress(TalecraftError):
            found = app.studio.guide.look()
            if found is not None:
                writing = found.step == "write" and place == "page" and app.live is not None
                words = guide_words(found, "writing" if writing else place)
        if words != self._said:
            self._said = words
            self.set_class(words is None, "-silent")
            self.update(words or "")


def guide_words(found: Next, place: str) -> Content | None:
    """Which step it is, what to do, and how the guide is put away; None where it is silent."""
    by_place = _WORDS[found.step]
    words = by_place.get(place or "elsewhere", by_place[""] if place in _PLACES else "")
    if not words:
        return None
    ended = f"{shorten(clean_line(found.words), _LONGEST, placeholder=' …')} " * bool(found.words)
    parts = [
        (_key(part), "bold") if at % 2 else part.replace("{}", ended)
        for at, part in enumerate(words.split("`"))
    ]
    number = "" if found.step == "over" else f" {found.number} of {STEPS}"
    head = (f"Guide{number}", "bold $text-accent")
    return said(head, "  ", *parts, (f"  {hint('app.guide', 'F8')} hides this", MUTED))


def _key(told: str) -> str:
    """A key of the words above, as it is bound now."""
    if told == "1–5":
        return grade_keys()
    name, _, key = told.rpartition(":")
    return hint(name or _IDS[key], key)
