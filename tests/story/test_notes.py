"""When an entry is spoken of."""

from __future__ import annotations

import time

import pytest

from talecraft.errors import UsageError
from talecraft.story.notes import (
    NOT_CALLED,
    TOO_SLOW,
    Calling,
    Entry,
    Notes,
    check,
    keys_of,
    unusable,
)


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
        (("磨坊",), "旧磨坊着火了", True),
        (("/\\bmill\\b/gi",), "The MILL.", True),
    ],
)
def test_keys(keys: tuple[str, ...], text: str, found: bool) -> None:
    why = Calling([text]).why_not(Entry("Mill", "It turns.", keys=keys))
    assert why == ("" if found else NOT_CALLED)


def test_only_the_newest_passages_are_looked_through() -> None:
    calling = Calling(["The mill.", "A road.", "A fox."])
    assert calling.why_not(Entry("mill", "x", scan=3)) == ""
    assert calling.why_not(Entry("mill", "x", scan=2)) == NOT_CALLED
    assert calling.why_not(Entry("mill", "x", scan=1, always=True)) == ""


def test_patterns_that_take_for_ever_have_little_time_together() -> None:
    started = time.monotonic()
    calling = Calling(["a" * 5000 + "b and a mill"])
    for _ in range(20):
        assert calling.why_not(Entry("x", "x", keys=("/(a|aa)+$/",))) == TOO_SLOW
    assert time.monotonic() - started < 3
    assert calling.why_not(Entry("mill", "x", always=True)) == ""
    assert calling.why_not(Entry("x", "x", keys=("/(a|aa)+$/", "mill"))) == "", "words need no time"


@pytest.mark.parametrize(
    "key",
    [
        "/(/",
        "/" + "(" * 240 + ")" * 240 + "/",
        "/a{1000000000}/",
        "/a{2,5000}/",
        "/((a{200}){200}){200}/",
        "/(?x)(a{ 5000 }b){ 5000 }/",
        "/(?au)x/",
        "/" + "a" * 600 + "/",
    ],
)
def test_patterns_that_no_machine_should_be_asked_are_refused_at_once(key: str) -> None:
    started = time.monotonic()
    if key.startswith("/((((("):  # as deep as it can be made: refused or made, and never a crash
        unusable(key)
    else:
        assert unusable(key)
    assert time.monotonic() - started < 2


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


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("", ()),
        (" mill , the  fire,", ("mill", "the  fire")),
        ("/a{1,2}/, b", ("/a{1,2}/", "b")),
        ("/a,b", ("/a,b",)),
        ("and/or, x", ("and/or", "x")),
    ],
)
def test_keys_of_a_line(line: str, keys: tuple[str, ...]) -> None:
    assert keys_of(line) == keys
