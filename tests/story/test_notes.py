"""When an entry is spoken of."""

from __future__ import annotations

import time

import pytest

from talecraft.errors import UsageError
from talecraft.story.notes import Entry, Notes, called, check


@pytest.mark.parametrize(
    ("keys", "text", "found"),
    [
        ((), "Then the MILL burned.", True),
        ((), "The miller slept.", False),
        (("old  mill",), "the old\nmill", True),
        (("miller", "flour"), "white with flour.", True),
        (("/mill(er|s)?/",), "two mills", True),
        (("/mill/",), "MILL", False),
        (("/mill/i",), "MILL", True),
        (("/^mill/m",), "a\nmill", True),
        (("a.b",), "axb", False),
        (("don't",), "I don't.", True),
        (("",), "anything", False),
    ],
)
def test_keys(keys: tuple[str, ...], text: str, found: bool) -> None:
    assert called(Entry("Mill", "It turns.", keys=keys), [text]) is found


def test_only_the_newest_passages_are_looked_through() -> None:
    text = ["The mill.", "A road.", "A fox."]
    assert called(Entry("mill", "x", scan=3), text)
    assert not called(Entry("mill", "x", scan=2), text)
    assert called(Entry("mill", "x", scan=1, always=True), text)


def test_a_pattern_that_takes_for_ever_finds_nothing() -> None:
    started = time.monotonic()
    assert not called(Entry("x", "x", keys=(r"/(a|aa|b?)+$x/",)), ["a" * 5000 + "b"])
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (Entry(" ", "x"), "title"),
        (Entry("Mill", " "), "nothing to tell"),
        (Entry("Mill", "x", keys=("/(/",)), "no regular expression"),
        (Entry("Mill", "x", scan=0), "scan is 0"),
        (Entry("Mill", "x", limit=-1), "limit is -1"),
    ],
)
def test_what_cannot_be_used_is_refused(entry: Entry, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check(entry)


def test_what_it_is_about_is_said_once() -> None:
    assert Entry("Ro", "a fox").told == "Ro: a fox"
    assert Entry("Ro", "ro is a fox").told == "ro is a fox"


def test_the_order_of_entries() -> None:
    made = [
        Entry("b", "x"),
        Entry("a", "x"),
        Entry("c", "x", priority=2),
        Entry("d", "x", always=True),
    ]
    notes = Notes(entries={str(n): one for n, one in enumerate(made)})
    assert [one.title for one in notes.ordered] == ["d", "c", "a", "b"]
