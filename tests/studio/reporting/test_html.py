"""Whatever is no element is text."""

from __future__ import annotations

from talecraft.studio.reporting.html import Html, el, facts, folded, table, text
from tests.studio.reporting.reader import Reader

EVIL = '</p><script>alert(1)</script><img src=x onerror="a()"> & \' \x1b[2Jend'
SEEN = '</p><script>alert(1)</script><img src=x onerror="a()"> & \' end'


def test_words_are_words() -> None:
    assert Reader(text(EVIL)).elements == []
    page = Reader(el("p", EVIL))
    assert page.elements == [("p", {})]
    assert page.text == SEEN


def test_attributes_end_where_they_end() -> None:
    page = Reader(el("p", "x", title='a" onclick="b()\n', class_="c", dir=None))
    assert page.elements == [("p", {"title": 'a" onclick="b()', "class": "c"})]


def test_elements_stand_in_elements() -> None:
    assert el("p", "a ", el("b", "<b>"), None) == "<p>a <b>&lt;b&gt;</b></p>"
    assert el("img", src="x") == '<img src="x">'


def test_what_is_made_of_markup_by_hand_is_text_again() -> None:
    """Only an element is markup: no operation on one gives another."""
    whole = el("b", "x")
    assert not isinstance(whole + "<i>", Html)
    assert el("p", whole + "<i>") == "<p>&lt;b&gt;x&lt;/b&gt;&lt;i&gt;</p>"


def test_tables_lists_and_folds_escape_what_they_are_given() -> None:
    for made in (
        table(EVIL, [EVIL, "b"], [(EVIL, EVIL)], (0,)),
        facts([(EVIL, EVIL), ("left out", None)]),
        folded(EVIL, EVIL),
    ):
        page = Reader(made)
        assert "script" not in {tag for tag, _ in page.elements}
        assert SEEN in page.text
        assert "left out" not in page.text
