"""A span and its place: what it tells, how long another may be, and how that fits in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.story import spans
from talecraft.story.spans import Place

TEXT = "The fox sat. It looked at the wide grey sea for hours. Then it went home."


def test_blanks_around_a_span_stay_where_they_are() -> None:
    start, end = TEXT.index(" It looked"), TEXT.index("Then")
    here = spans.place(TEXT, start, end)
    assert here == Place(
        "The fox sat. ", "It looked at the wide grey sea for hours.", TEXT[end - 1 :]
    )
    assert here.whole


@given(st.text("aB. \n“é", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_the_three_parts_are_the_text_but_for_a_span_of_blanks(text: str, a: int, b: int) -> None:
    start, end = sorted((min(a, len(text)), min(b, len(text))))
    here = spans.place(text, start, end)
    blank = text[start:end] if not text[start:end].strip() else ""
    assert here.before + blank + here.span + here.after == text
    assert here.span == here.span.strip()


@pytest.mark.parametrize(
    ("before", "span", "after", "whole"),
    [
        ("The fox ", "sat there", " and slept.", False),
        ("", "The fox sat.", " It slept.", True),
        ("He said: ", "“Go home!”", "", True),
        ("The fox sat.", "", " It slept.", True),
        ("The fox", "", " slept.", False),
        ("The fox", "", "", True),
        ("", "", "The fox.", True),
    ],
)
def test_whole_sentences_or_a_part_of_one(before: str, span: str, after: str, whole: bool) -> None:
    assert Place(before, span, after).whole is whole


def test_a_plan_tells_what_the_span_tells() -> None:
    assert spans.plan("rewrite", TEXT).splitlines() == [
        "- The fox sat",
        "- It looked at the wide grey sea for hours",
        "- Then it went home",
    ]
    assert spans.plan("shorten", TEXT) == "- It looked at the wide grey sea for hours"
    assert spans.plan("describe", "the grey sea").splitlines()[0] == "- The grey sea"
    assert "heard" in spans.plan("describe", "the grey sea").splitlines()[1]
    assert spans.plan("insert", "") == ""


def test_a_plan_has_four_beats_at_most_and_none_is_long() -> None:
    long = " ".join(f"word{n}" for n in range(60))
    assert len(spans.plan("expand", f"{TEXT} {TEXT} {long}.").splitlines()) == 4
    assert max(len(one.split()) for one in spans.plan("rewrite", long).splitlines()) <= 19
    halves = "The fox sat by the sea, " + "looking at the boats and the birds and the sky " * 3
    assert spans.plan("rewrite", halves) == "- The fox sat by the sea"


def test_what_is_spoken_is_a_beat_only_where_nothing_else_is_told() -> None:
    assert spans.plan("rewrite", "“Go home!” cried the old fox. It ran.").splitlines() == [
        "- Cried the old fox"
    ]
    assert spans.plan("rewrite", "“Go home now!”") == "- Go home now"


def test_the_budget_comes_from_the_spans_length() -> None:
    """1.4 tokens a word; as much, twice or half of it."""
    here = Place("", " ".join(["word"] * 100), "")
    lengths = {how: spans.budget(how, here) for how in ("rewrite", "expand", "shorten")}  # type: ignore[arg-type]
    assert lengths == {"rewrite": 140, "expand": 280, "shorten": 70}
    assert spans.budget("shorten", Place("", "one", "")) == 8
    assert spans.budget("describe", Place("", "the sea", "")) == 48
    assert spans.budget("insert", Place("It sat.", "", " It ran.")) == 48
    assert spans.budget("insert", Place("It", "", " ran.")) == 16


@pytest.mark.parametrize(
    ("here", "written", "text"),
    [
        (Place("The fox ", "sat", " there."), " slept", "slept"),
        (Place("The fox", "", " there."), " slept", " slept"),
        (Place("It sat. ", "", "It ran."), " It slept.", "It slept. "),
        (Place("It sat.", "", " It ran."), " It slept.", " It slept."),
        (Place("It sat.", "", ""), "It slept.", " It slept."),
        (Place("It sat.\n\n", "", "“No.”"), "\nIt slept.\n", "It slept. "),
        (Place("", "It sat.", "\n\nIt ran."), "It slept. ", "It slept."),
        (Place("The f", "", "x"), "o", "o "),
    ],
)
def test_what_was_written_is_fitted_in_with_one_space(here: Place, written: str, text: str) -> None:
    how = "rewrite" if here.span else "insert"
    assert spans.fitted(how, here, written) == text  # type: ignore[arg-type]


def test_a_description_stands_after_its_span() -> None:
    here = Place("He saw ", "the sea.", " He slept.")
    assert spans.begun("describe", here) == "He saw the sea."
    assert spans.fitted("describe", here, "It was grey.") == "the sea. It was grey."
    assert spans.begun("rewrite", here) == "He saw"


def test_a_model_that_can_be_told_is_told() -> None:
    here = Place("He saw ", "the sea.", " He slept.")
    for how in ("rewrite", "expand", "shorten", "describe"):
        assert "“the sea.”" in spans.instruction(how, here)  # type: ignore[arg-type]
    assert "“He slept.”" in spans.instruction("insert", Place("He saw it.", "", " He slept."))
