"""What the log says now, and what it is worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.errors import UsageError
from talecraft.story.feedback import (
    SPAN,
    SPAN_WEIGHT,
    STARS,
    THUMB_WEIGHT,
    Feedback,
    Score,
    check,
    current,
    edit_weight,
    histogram,
    score,
)


def said(
    number: int, kind: str, value: float | None, turn: int = 1, aspect: str = "both"
) -> Feedback:
    return Feedback(number, turn, kind, value, aspect)  # type: ignore[arg-type]


def test_the_latest_of_a_kind_counts_whatever_the_order_of_reading() -> None:
    log = [
        said(3, "stars", 5),
        said(1, "stars", 2),
        said(2, "thumb", 1),
        said(4, "stars", 4, turn=2),
    ]
    assert [(one.id, one.value) for one in current(log)] == [(2, 1), (3, 5), (4, 4)]


def test_a_withdrawal_hides_what_was_said_and_can_be_followed_by_more() -> None:
    log = [said(1, "stars", 2), said(2, "stars", None)]
    assert current(log) == []
    assert [one.value for one in current([*log, said(3, "stars", 1)])] == [1]


def test_aspects_stand_beside_each_other() -> None:
    log = [said(1, "stars", 2, aspect="outline"), said(2, "stars", 5, aspect="prose")]
    assert len(current(log)) == 2


def test_stars_come_before_a_thumb() -> None:
    assert score([said(1, "stars", 2), said(2, "thumb", 1)]) == Score(2, 1.0)
    assert score([said(2, "thumb", 1)]) == Score(5, THUMB_WEIGHT)
    assert score([said(2, "thumb", -1)]) == Score(1, THUMB_WEIGHT)
    assert score([said(1, "edit", 1)]) is None
    assert score([]) is None


def test_histogram_has_a_place_for_each_grade() -> None:
    assert histogram([Score(1, 1), Score(5, 1), Score(5, 0.7)]) == [1, 0, 0, 0, 2]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("stars", 0),
        ("stars", 6),
        ("stars", 3.5),
        ("thumb", 0),
        ("choice", 2),
        ("edit", 0),
        ("like", 1),
    ],
)
def test_what_is_no_score_is_refused(kind: str, value: float) -> None:
    with pytest.raises(UsageError):
        check(kind, value)


@given(st.sampled_from(["stars", "thumb", "choice", "edit"]), st.integers(-9, 9) | st.none())
def test_whatever_passes_the_check_is_no_grade_or_one_within_bounds(
    kind: str, value: int | None
) -> None:
    try:
        check(kind, value)
    except UsageError:
        return
    grade = score([said(1, kind, value)])
    assert grade is None or (grade.stars in STARS and 0 < grade.weight <= 1)


def test_what_is_said_of_the_prose_comes_before_what_is_said_of_the_whole() -> None:
    lines = [said(1, "stars", 2), said(2, "stars", 4, aspect="prose")]
    assert score(lines) == Score(4, 1.0)
    assert score([*lines, said(3, "thumb", -1, aspect="outline")], outline=True) == Score(
        1, THUMB_WEIGHT
    )
    assert score(lines, outline=True) is None, "a passage's grade is not its outline's"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a b c d", "a b c d", 0.0),
        ("a b c d e f g h i j", "a b c d e f g h i x", 1 / 3),
        ("a b c d", "x y z", 1.0),
        ("a b", "a x b", 1.0),
        ("", "", 0.0),
    ],
)
def test_an_edit_weighs_by_the_share_of_changed_words(
    before: str, after: str, expected: float
) -> None:
    assert edit_weight(before, after) == pytest.approx(expected)


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_an_edit_weighs_the_same_both_ways(before: list[str], after: list[str]) -> None:
    there = edit_weight(" ".join(before), " ".join(after))
    assert there == edit_weight(" ".join(after), " ".join(before))
    assert 0 <= there <= 1
    assert (there == 0) == (before == after)


def test_spans_have_grades_of_their_own_and_stand_for_the_passage_only_alone() -> None:
    """By hand: (5 + 2) / 2 = 3.5, which rounds to 4; a thumb counts as 5 or 1."""
    spans = [
        Feedback(1, 7, "stars", 1, tags=(SPAN,), note="the fox"),
        Feedback(2, 7, "stars", 5, tags=(SPAN,), note="the fox"),
        Feedback(3, 7, "stars", 2, tags=(SPAN,), note="the sea"),
    ]
    standing = current(spans)
    assert [(one.note, one.value) for one in standing] == [("the fox", 5), ("the sea", 2)]
    assert score(standing) == Score(4, SPAN_WEIGHT)
    assert score(standing, outline=True) is None
    thumb = Feedback(4, 7, "thumb", -1, tags=(SPAN,), note="the sea")
    assert score(current([*spans, thumb])) == Score(3, SPAN_WEIGHT)
    whole = Feedback(5, 7, "stars", 1)
    assert score(current([*spans, whole])) == Score(1, 1.0)
    taken = Feedback(6, 7, "stars", None, tags=(SPAN,), note="the fox")
    assert score(current([*spans, taken])) == Score(2, SPAN_WEIGHT)
