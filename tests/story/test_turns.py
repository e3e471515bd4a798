"""The tree of turns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from talecraft.story.turns import Tree, Turn, title_from, word_count


def turn(number: int, parent: int | None) -> Turn:
    return Turn(number, 1, parent, "model", "", f"p{number}", "")


#   1 - 2 - 4 - 6
#    \       \ 7
#     3 - 5
TREE = Tree([turn(1, None), turn(2, 1), turn(3, 1), turn(4, 2), turn(5, 3), turn(6, 4), turn(7, 4)])


def ids(turns: list[Turn]) -> list[int]:
    return [one.id for one in turns]


def test_path_and_siblings() -> None:
    assert ids(TREE.path(6)) == [1, 2, 4, 6]
    assert ids(TREE.path(5)) == [1, 3, 5]
    assert TREE.path(None) == []
    assert ids(TREE.siblings(2)) == [2, 3]
    assert ids(TREE.siblings(7)) == [6, 7]
    assert ids(TREE.siblings(1)) == [1]
    assert len(TREE) == 7
    assert ids(list(TREE)) == [1, 2, 3, 4, 5, 6, 7]
    assert TREE.turn(4).prose == "p4"


@given(st.lists(st.integers(0, 30), max_size=30))
def test_any_tree_keeps_its_paths(picks: list[int]) -> None:
    """Each turn's path is its parent's path and itself; each is among its own siblings."""
    turns: list[Turn] = []
    for number, pick in enumerate(picks, 1):
        turns.append(turn(number, pick % number or None))
    tree = Tree(turns)
    for one in turns:
        assert tree.path(one.id) == [*tree.path(one.parent_id), one]
        assert one in tree.siblings(one.id)
        assert {other.parent_id for other in tree.siblings(one.id)} == {one.parent_id}


def test_titles_are_cut_at_a_word() -> None:
    assert title_from("  A fox\n finds a lantern. ") == "A fox finds a lantern"
    assert title_from("one two three four", longest=10) == "one two…"
    assert title_from("alpha, beta gamma", longest=12) == "alpha, beta…"
    assert title_from("   ") == "Untitled"


def test_words_are_counted_between_spaces() -> None:
    assert word_count(" It's  a\nfox. ") == 3
