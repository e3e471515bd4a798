"""Every key by itself: described by its type, read as strictly as the file, changed in place."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.config import editing, entries, strict
from talecraft.config.entries import Entry, Value
from talecraft.config.settings import Settings
from talecraft.errors import ConfigError, UsageError
from talecraft.story.clean import clean_line

FILE = Path("config.toml")
COMMENTED = """\
# My settings. # not twice

[writing]  # how it writes
temperature = 0.9  # hot, "quoted" = yes
# top_p is left alone

# What follows is about the page.
[page]
theme = "paper"
# the end, äöü
"""
LAYOUTS = [
    "", COMMENTED, "[page]", "writing.top_p = 0.5 # dotted\n", "page = {measure = 50} # inline\n",
    "[training] # last\n\nseed = 3\n\n\n# alone\n", "[page]\r\nmeasure = 50 # dos\r\n# more\r\n",
    "[writing]\n# temperature = 1\n\n# end", "[page]\n[writing]\nmin_p = 0.1",
]  # fmt: skip


def by(key: str) -> Entry:
    return entries.find(key)


def test_every_key_has_one_line_that_says_what_it_means() -> None:
    keys = [one.key for one in entries.entries()]
    assert keys[0] == "writing.model"
    assert "page.goal" in keys
    assert "training.seed" in keys
    assert len(keys) == len(set(keys))
    for one in entries.entries():
        assert one.description.endswith(".")
        assert len(one.description) <= 64
        assert one.default == one.of(Settings())
        assert entries.about(one.section).endswith(".")


def test_ranges_come_from_the_types() -> None:
    assert by("temperature").range == "a number from 0 to 5"
    assert by("top_p").range == "a number above 0, to 1"
    assert by("min_p").range == "a number from 0, below 1"
    assert by("training.batch").range == "a whole number from 4 to 512, or automatic"
    assert by("show_outline").range == "true or false"
    assert by("engine.kind").range == "auto, llamacpp or torch"


@pytest.mark.parametrize(
    ("key", "typed", "value"),
    [
        ("temperature", " 1 ", 1.0), ("temperature", "0.80", 0.8), ("measure", "60", 60),
        ("show_outline", "false", False), ("theme", "tokyo-night", "tokyo-night"),
        ("theme", 'a"b', 'a"b'), ("batch", "", None), ("batch", "automatic", None),
        ("dry_multiplier", "1e-3", 0.001), ("model", "", None), ("prose_tokens", "1_000", 1000),
        ("engine.kind", "torch", "torch"),
    ],
)  # fmt: skip
def test_what_is_typed_is_read(key: str, typed: str, value: Value) -> None:
    read = by(key).read(typed)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("temperature", "6"), ("temperature", "nan"), ("temperature", "inf"),
        ("temperature", ""), ("temperature", "true"), ("temperature", "hot"),
        ("temperature", "1\ntop_p = 1"), ("temperature", "[1]"),
        ("measure", "60.0"), ("measure", "'60'"), ("measure", "-1"), ("measure", "true"),
        ("show_outline", "yes"), ("show_outline", "1"), ("top_p", "0"), ("seed", "2147483648"),
        ("batch", "none"), ("engine.kind", "cuda"), ("engine.kind", ""),
    ],
)  # fmt: skip
def test_what_cannot_stand_there_is_said_with_its_range(key: str, typed: str) -> None:
    with pytest.raises(UsageError) as caught:
        by(key).read(typed)
    assert caught.value.message.startswith(f"{by(key).key} is {by(key).range}, not '")
    assert "\n" not in caught.value.message


def test_an_unknown_key_is_an_error() -> None:
    for key in ("temprature", "page", "page.temperature", ""):
        with pytest.raises(UsageError, match="no setting"):
            by(key)
    assert by("writing.top_p") is by("top_p")


# ---------------------------------------------------------------------- in the file
def put(source: str, key: str, value: Value) -> str:
    return editing.changed(source, FILE, by(key), value)


def read(source: str) -> Settings:
    return strict.parse(source, FILE, Settings)


def comments(source: str) -> list[str]:
    """Every comment of a file whose strings have no '#'."""
    return re.findall(r"#[^\r\n]*", source)


def test_a_new_key_goes_to_its_section_and_no_comment_changes_its_place() -> None:
    after = put(COMMENTED, "top_p", 0.5)
    assert after == COMMENTED.replace("left alone\n", "left alone\ntop_p = 0.5\n")
    assert put(COMMENTED, "theme", "night") == COMMENTED.replace('"paper"', '"night"')
    assert put(COMMENTED, "seed", 3) == COMMENTED + "\n[training]\nseed = 3\n"
    assert put("", "goal", 3) == "[page]\ngoal = 3\n"


def test_a_key_taken_back_leaves_its_comment() -> None:
    line = 'temperature = 0.9  # hot, "quoted" = yes\n'
    after = put(COMMENTED, "temperature", None)
    assert after == COMMENTED.replace(line, "# " + line)
    assert put(COMMENTED, "theme", None) == COMMENTED.replace('theme = "paper"\n', "")
    assert put(after, "temperature", None) == after


def test_what_cannot_be_changed_safely_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:2: contains unknown field 'x'"):
        put("[page]\nx = 1\n", "measure", 60)
    with pytest.raises(ConfigError, match=r"config\.toml:1: "):
        put("[page\n", "measure", 60)
    monkeypatch.setattr(editing, "_edited", lambda source, entry, value: COMMENTED)
    with pytest.raises(ConfigError, match=r"page\.measure stands there .* nothing was written"):
        put("", "measure", 60)


def valid(entry: Entry) -> st.SearchStrategy[Any]:
    """Values of one entry, up to its bounds."""
    found: st.SearchStrategy[Any]
    if entry.kind == "switch":
        return st.booleans()
    if entry.kind == "choice":
        return st.sampled_from(entry.names)
    if entry.kind == "text":
        found = st.text(min_size=1).map(clean_line).map(str.strip).filter(bool)
    else:
        low, high = (float(one.replace(",", "")) for one in re.findall(r"[\d,.]*\d", entry.bounds))
        if entry.kind == "whole":
            found = st.integers(int(low), int(high) - ("below" in entry.bounds))
        else:
            inside = {"exclude_min": "above" in entry.bounds}
            inside["exclude_max"] = "below" in entry.bounds
            found = st.floats(low, high, **inside)
    return st.one_of(found, st.none()) if entry.optional else found


@given(
    st.data(), st.sampled_from(LAYOUTS), st.lists(st.sampled_from(entries.entries()), max_size=4)
)
def test_what_is_set_is_read_back_and_comments_stay(
    data: st.DataObject, source: str, changes: list[Entry]
) -> None:
    before = comments(source)
    for entry in changes:
        value = data.draw(valid(entry))
        expected = entry.laid(read(source), entry.default if value is None else value)
        had = comments(source)
        source = editing.changed(source, FILE, entry, value)
        assert read(source) == expected
        assert entry.words(entry.of(read(source))) == entry.words(
            entry.default if value is None else value
        )
        if value is not None and not (isinstance(value, str) and "#" in value):
            left = [one for one in comments(source) if one in had]
            assert left == had
    for comment in before:
        assert comment in source
    tomllib.loads(source)


@given(st.data(), st.sampled_from(entries.entries()))
def test_a_value_as_it_is_shown_can_be_typed(data: st.DataObject, entry: Entry) -> None:
    value = data.draw(valid(entry))
    assert entry.read(entry.words(value)) == value
