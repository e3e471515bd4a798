"""The tree of a story on its screen."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.widgets import Input

from talecraft.app.commands import Commands
from talecraft.app.keys import commands_of
from talecraft.app.screens.difference import DifferenceScreen
from talecraft.app.screens.tree import TreeScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.app.widgets import tree as tree_widget
from talecraft.app.widgets.branches import row
from talecraft.app.widgets.difference import DiffView, lines
from talecraft.app.widgets.tree import TreeList
from talecraft.story.difference import BREAK, marked, words
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.branching import Place
from tests.app.conftest import finished, generation, notices, page_of, seen, static, until
from tests.app.test_everywhere import HOSTILE, LITERAL, SIZES
from tests.studio.test_branching import Shelf

TEXTS = {
    "root": "She wrote the number down, and crossed it out. Nobody had asked her for it in years.",
    "counted": "The keeper counted the ships that did not come, and wrote them down in the book her"
    " mother had left her. There were four. The lamp went round above her head.",
    "slept": "The keeper slept, and the lamp went on without her.\n\nIn the morning a boat lay on"
    " the stones, its oars shipped, and nobody in it.",
    "oars": "“Whose are the oars?” she asked. Nobody on the quay would say.",
    "bell": "Out in the fog a bell began to ring.",
    "boat": "The keeper counted the ships that came, and wrote them down in the book her mother had"
    " left her. There were nine. The lamp went round above her head.",
    "harbour": "In the harbour they said that it had always been so, and that she should sleep.",
    "dark": "Then the lamp went out.",
}


def a_tree(studio: Studio) -> int:
    """A story of eight passages: two versions of the second, two of the fourth, one thrown away."""
    story = studio.writing.new_story("A lighthouse keeper counts the ships that do not come.")
    made: dict[str, int] = {}

    def add(name: str, after: str | None, author: str = "model") -> None:
        plan = "- she counts\n- nothing comes" if author == "model" else ""
        parent = made[after] if after else None
        record = generation(studio) if author == "model" else None
        made[name] = studio.library.stories.add_turn(
            story.id, parent, author, TEXTS[name], plan, record
        ).id

    add("root", None, "writer")
    add("counted", "root")
    add("slept", "counted")
    add("oars", "slept", "writer")
    add("bell", "slept")
    add("boat", "root")
    add("harbour", "boat", "writer")
    add("dark", "root")
    studio.branching.prune(made["dark"])
    studio.branching.bookmark(made["slept"], "the empty boat")
    studio.branching.edit(made["counted"], TEXTS["counted"].replace("four", "seven"))
    studio.writing.rate(made["counted"], "stars", 4)
    studio.writing.rate(made["boat"], "thumb", -1)
    studio.branching.go_to(made["boat"])
    return story.id


async def tree_of(app, pilot, story: int, *keys: str) -> TreeList:
    """Open the story's page and its tree, then press `keys`."""
    await page_of(app, pilot, story)
    await pilot.press("f4")
    await until(pilot, lambda: isinstance(app.screen, TreeScreen))
    tree = app.screen.query_one(TreeList)
    await pilot.press(*keys)
    await pilot.pause()
    return tree


def chosen(tree: TreeList) -> str:
    assert tree.chosen is not None
    return tree.chosen.turn.prose.split(".")[0]


def drawn(tree: TreeList) -> list[str]:
    return [tree.render_line(y).text.rstrip() for y in range(len(tree.places))]


# ------------------------------------------------------------------ what is shown
async def test_the_tree_shows_every_branch_and_what_is_said_of_each_passage(running, studio):
    async with running((120, 40), loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio))
        rows = drawn(tree)
        assert rows[0].startswith("   ● ▎ She wrote the number down")
        assert rows[1].startswith("   ├─●   The keeper counted the ships that came")
        assert rows[1].endswith("−  2/2")
        assert rows[2].startswith("›  │ ● ▎ In the harbour")
        assert rows[3].startswith("   ○   The keeper counted")
        assert rows[3].endswith("edited  ★4  1/2")
        assert rows[4].endswith("◆ the empty boat")
        assert rows[5].startswith("   ├─○ ▎ “Whose are the oars?”")
        assert rows[6].startswith("   ○   Out in the fog")
        assert "7 passages · 1 in the trash (t shows it)" in static(pilot, "#tree-head")
        await pilot.press("down")
        shown = static(pilot, "#passage-text")
        assert "The model   version 1 of 2 · ★★★★☆ 4 of 5 · edited" in shown
        assert "• she counts" in shown
        assert "There were seven." in shown
        assert "Another text   as it was written" in shown
        assert "There were four." in shown


async def test_one_moves_by_rows_pages_ends_and_versions(running, studio):
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio))
        assert chosen(tree).startswith("In the harbour")  # the end of what is read
        for key, at in (
            ("k", 1), ("up", 0), ("up", 0), ("j", 1), ("down", 2), ("end", 6), ("down", 6),
            ("home", 0), ("pagedown", 6), ("left", 5), ("left", 5), ("right", 6), ("pageup", 0),
            ("right", 0), ("j", 1), ("left", 3), ("right", 1),
        ):  # fmt: skip
            await pilot.press(key)
            assert tree.at == at, key


async def test_the_tree_begins_at_the_passage_chosen_on_the_page(running, studio):
    async with running(loaded=False) as (app, pilot):
        page = await page_of(app, pilot, a_tree(studio))
        await pilot.press("tab", "k", "k", "f4")
        await until(pilot, lambda: isinstance(app.screen, TreeScreen))
        assert chosen(app.screen.query_one(TreeList)).startswith("The keeper counted")
        await pilot.press("escape")
        assert app.screen is page


async def test_escape_f4_and_other_screens_lead_back(running, studio):
    async with running(loaded=False) as (app, pilot):
        await tree_of(app, pilot, a_tree(studio), "end", "f1")
        assert not isinstance(app.screen, TreeScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TreeScreen))
        assert app.screen.query_one(TreeList).at == 6
        await pilot.press("tab", "f4")
        assert isinstance(app.screen, WritingScreen)
        assert app.screen.composer.has_focus


# ------------------------------------------------------------------ reading
async def test_enter_reads_the_branch_through_a_passage(running, studio):
    async with running(loaded=False) as (app, pilot):
        await tree_of(app, pilot, a_tree(studio), "down", "down", "enter")
        page = app.screen
        assert isinstance(page, WritingScreen)
        assert [turn.prose.split()[0] for turn in page.page.path] == ["She", "The", "The", "Out"]
        assert page.manuscript.chosen == 2
        assert page.manuscript.has_focus
        assert "bell began to ring" in seen(pilot)
        await pilot.press("f4", "end", "enter")  # the end of the branch: to write on
        assert page.manuscript.chosen is None
        assert page.composer.has_focus


async def test_a_click_chooses_and_another_one_opens(running, studio):
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio))
        await pilot.click(TreeList, offset=(20, 5))
        assert tree.at == 5
        await pilot.click(TreeList, offset=(20, 12))  # below the rows
        assert tree.at == 5
        await pilot.click(TreeList, offset=(20, 5))
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert "Whose are the oars" in app.screen.page.path[-1].prose
        await pilot.press("f4")
        await pilot.double_click(TreeList, offset=(20, 6))
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert "bell" in app.screen.page.path[-1].prose


# ------------------------------------------------------------------ searching
async def test_a_search_finds_as_one_types_and_goes_on(running, studio):
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio), "home", "slash", *"LAMP")
        assert (tree.at, chosen(tree)[:38]) == (1, "The keeper counted the ships that came")
        assert "1 of 3 found · 1 more in the trash" in static(pilot, "#tree-head")
        assert "…nine. The lamp went round" in drawn(tree)[1]
        await pilot.press("enter", "n")
        assert tree.at == 3
        assert "2 of 3 found" in static(pilot, "#tree-head")
        await pilot.press("n", "n")
        assert tree.at == 1, "around the end"
        await pilot.press("N")
        assert tree.at == 4
        await pilot.press("t", "N", "N")
        assert chosen(tree) == "Then the lamp went out"


async def test_a_search_looks_at_bookmarks_and_escape_ends_it(running, studio):
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio), "home", "slash", *"empty  boat")
        assert tree.at == 4
        await pilot.press("x", "x")
        assert "Not found" in static(pilot, "#tree-head")
        assert app.screen.query_one(Input).value == "empty  boatxx"
        await pilot.press("escape")
        assert tree.has_focus
        assert tree.at == 0
        assert not tree.searching
        await pilot.press("n", "N")
        assert tree.at == 0
        await pilot.press("escape")
        assert isinstance(app.screen, WritingScreen)


# ------------------------------------------------------------------ bookmarks
async def test_bookmarks_are_set_jumped_to_and_taken_away(running, studio):
    story = a_tree(studio)
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, story, "home", "b", *"[/a] start", "enter")
        assert "◆ [/a] start" in drawn(tree)[0]
        await pilot.press("right_square_bracket")
        assert tree.at == 4
        await pilot.press("right_square_bracket")
        assert tree.at == 0
        await pilot.press("left_square_bracket", "b")
        assert "◆" not in drawn(tree)[4]
        assert "b sets it again" in notices(pilot)
        await pilot.press("b")
        await until(pilot, lambda: app.screen.query("AskName Input, Input"))
        assert app.screen.query_one(Input).value == "the empty boat", "a name is not lost"
        await pilot.press("enter", "end", "b", "escape", "b", "enter")
    marks = [one.bookmark for one in studio.branching.map(story)]
    assert marks == ["[/a] start", None, None, None, None, "the empty boat", None, ""]


# ------------------------------------------------------------------ the trash
async def test_what_is_thrown_away_comes_back(running, studio):
    story = a_tree(studio)
    async with running((100, 30), loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, story, "down", "x")
        told = notices(pilot)
        assert "4 passages in the trash" in told
        assert "r or Ctrl+Z brings it back. It counts as an opinion: thrown away." in told
        assert len(tree.places) == 3
        await pilot.press("t")
        rows = drawn(tree)
        assert len(rows) == 8
        assert sum("✗" in row and "in the trash" in row for row in rows) == 5
        at = next(at for at, one in enumerate(tree.places) if one.turn.prose == TEXTS["bell"])
        tree.choose(at)
        await pilot.pause()
        await pilot.press("enter", "x")
        assert isinstance(app.screen, TreeScreen), "what is in the trash is not opened"
        assert "r brings it back first" in notices(pilot)
        await pilot.press("r")
        assert [one.turn.prose for one in tree.places if one.pruned] == [TEXTS["dark"]]
        await pilot.press("t")
        assert chosen(tree).startswith("Out in the fog")
    log = studio.library.feedback.of_story(story)
    assert [one.value for one in log if one.kind == "discard"] == [1, 1, None]


async def test_r_brings_back_what_was_thrown_away_last(running, studio):
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio), "r", "x")
        assert "opinion" not in notices(pilot), "the writer's own words are no opinion"
        assert len(tree.places) == 6
        await pilot.press("r")
        assert len(tree.places) == 7
        assert chosen(tree).startswith("In the harbour")
        await pilot.press("r")
        assert len(tree.places) == 7


async def test_a_story_thrown_away_whole_says_so(running, studio):
    async with running(loaded=False) as (app, pilot):
        await tree_of(app, pilot, a_tree(studio), "home", "x", "enter", "b", "m", "d", "j", "left")
        assert "All of it is in the trash" in seen(pilot)
        await pilot.press("escape")
        assert app.screen.page.path == []


# ------------------------------------------------------------------ undo and redo
async def test_undo_and_redo_go_to_what_they_changed(running, studio):
    story = a_tree(studio)
    async with running((100, 30), loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, story, "end", "x", "home", "ctrl+z")
        assert "What was thrown away is back." in notices(pilot)
        assert chosen(tree).startswith("Out in the fog")
        await pilot.press("ctrl+z")
        assert "The edit is taken back." in notices(pilot)
        assert "There were four" in tree.chosen.turn.prose
        await pilot.press("ctrl+y")
        assert "The edit is back." in notices(pilot)
        assert "There were seven" in tree.chosen.turn.prose
        await pilot.press(*["ctrl+y"] * 3)
        assert "There is nothing to redo." in notices(pilot)
        await pilot.press(*["ctrl+z"] * 20)
        assert "There is nothing to undo." in notices(pilot)
        await pilot.press("escape")
        assert app.screen.page.path == [], "the page shows what is read now"


# ------------------------------------------------------------------ comparing
async def test_two_branches_are_compared(running, studio):
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio), "d", "m")
        assert drawn(tree)[2].startswith("›m ")
        await pilot.press("home", "d")
        assert "Both are on the same branch" in notices(pilot)
        app.clear_notifications()
        await pilot.press("end", "d")
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await until(pilot, lambda: "[-" in static(pilot, "#difference-head"))
        text = seen(pilot)
        assert "± The keeper counted the ships that [-came,-] {+did not come,+} and wrote" in text
        assert "+ {+Out in the fog a bell began to ring.+}" in text
        await pilot.press("n", "N", "escape")
        assert isinstance(app.screen, TreeScreen)
        await pilot.press("up", "up", "up", "up", "m")
        assert tree.marked is None


async def test_the_tree_tells_of_the_key_that_compares_and_what_with(running, studio):
    async with running((100, 30), loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio))
        assert "d Compare" in seen(pilot).splitlines()[-1]
        assert "m, then d elsewhere, compares" in static(pilot, "#tree-head")
        await pilot.press("d")
        assert "m marks one to compare with" in notices(pilot), "it is the branch that is read"
        tree.choose(next(at for at, one in enumerate(tree.places) if not one.open))
        await until(pilot, lambda: "d compares with what is read" in static(pilot, "#tree-head"))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await pilot.press("escape", "m")
        await until(pilot, lambda: "d compares with the mark" in static(pilot, "#tree-head"))


async def test_a_tree_of_one_branch_has_nothing_to_compare(running, studio):
    story = studio.writing.new_story("A fox")
    studio.writing.say(story.id, "It ran.")
    async with running(loaded=False) as (app, pilot):
        await tree_of(app, pilot, story.id)
        assert "compare" not in static(pilot, "#tree-head")


async def test_a_long_difference_is_gone_through_change_by_change(running, studio):
    story = studio.writing.new_story("A fox")
    root = studio.writing.say(story.id, "It ran.")
    text = "\n\n".join(f"Paragraph {n} says that the sea was quiet." for n in range(40))
    one = studio.library.stories.add_turn(story.id, root.id, "model", text)
    changed = text.replace("20 says", "20 denies").replace("30 says", "30 swears")
    studio.library.stories.add_turn(story.id, root.id, "model", changed)
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, story.id)
        tree.choose(next(at for at, p in enumerate(tree.places) if p.turn.id == one.id))
        await pilot.press("m", *(["right"]), "d")
        await until(pilot, lambda: "{+2 words" in static(pilot, "#difference-head"))
        view = app.screen.query_one(DiffView)
        await pilot.press("n")
        assert view.scroll_y == 39
        assert "[-says-] {+denies+}" in seen(pilot)
        await pilot.press("n")
        assert view.scroll_y == 59
        await pilot.press("n", "N")
        assert view.scroll_y == 39


# ------------------------------------------------------------------ at the wrong time
EVERY_KEY = (
    "up", "down", "j", "k", "home", "end", "pageup", "pagedown", "left", "right", "enter", "n", "N",
    "b", "x", "r", "t", "m", "d", "ctrl+z", "ctrl+y", "right_square_bracket",
    "left_square_bracket", "slash", "tab",
)  # fmt: skip


async def test_a_story_without_passages_takes_every_key(running, studio):
    story = studio.writing.new_story("A fox")
    async with running(loaded=False) as (app, pilot):
        await tree_of(app, pilot, story.id, *EVERY_KEY)
        await pilot.click(TreeList, offset=(5, 1))
        assert isinstance(app.screen, TreeScreen)
        assert "Nothing is written yet" in seen(pilot)
        await pilot.press("escape")
        assert isinstance(app.screen, WritingScreen)


async def test_while_the_model_writes_what_is_read_stays(running, studio):
    story = studio.writing.new_story("SLOW harbour")
    root = studio.writing.say(story.id, "It ran.")
    async with running() as (app, pilot):
        await page_of(app, pilot, story.id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        await pilot.press("f4", "x", "enter", "ctrl+z", "ctrl+y")
        assert isinstance(app.screen, TreeScreen)
        assert "The model is still writing here" in notices(pilot)
        tree = app.screen.query_one(TreeList)
        assert [one.turn.id for one in tree.places] == [root.id]
        app.studio.writing.stop()
        await finished(app, pilot)
        assert len(tree.places) == 2, "it is in the tree when it is written"
        await pilot.press("down", "x")
        assert len(tree.places) == 1
        await pilot.press("escape")
        assert [turn.id for turn in app.screen.page.path] == [root.id]


async def test_hostile_words_are_shown_as_they_are(running, studio):
    story = studio.writing.new_story(HOSTILE, HOSTILE)
    studio.writing.say(story.id, "It ran.")
    root = studio.library.stories.tree(story.id).path(1)[0]
    bad = studio.library.stories.add_turn(story.id, root.id, "model", HOSTILE, f"- {HOSTILE}")
    studio.library.branches.bookmark(bad.story_id, bad.id, HOSTILE)
    studio.library.branches.add_revision(bad.id, HOSTILE + HOSTILE)
    other = studio.library.stories.add_turn(story.id, root.id, "model", "Then. " + HOSTILE)
    async with running((160, 40), loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, story.id, "home")
        assert sum(LITERAL in line for line in drawn(tree)) == 2
        assert "\x1b" not in seen(pilot)
        await pilot.press("slash", *"blood", "enter")
        assert tree.chosen.turn.id == bad.id
        assert seen(pilot).count("[red]blood[/red] [@click=app.quit]go[/]") >= 5
        assert f"◆ {LITERAL}" in static(pilot, "#passage-text")
        await pilot.press("m", "right", "d")
        assert tree.chosen.turn.id == other.id
        await until(pilot, lambda: "{+" in static(pilot, "#difference-head"))
        text = seen(pilot)
        assert "[@click=app.quit]go[/] end" in text
        assert "\x1b" not in text


async def test_every_size(running, studio):
    async with running(loaded=False) as (app, pilot):
        await tree_of(app, pilot, a_tree(studio), "m")
        for screen in (TreeScreen, DifferenceScreen):
            assert isinstance(app.screen, screen)
            for width, height in SIZES:
                await pilot.resize_terminal(width, height)
                await pilot.pause()
            await pilot.press("end", "d")
            await pilot.pause()


async def test_the_palette_offers_what_can_be_done_in_the_tree(running, studio):
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, a_tree(studio))
        found = {str(hit.display) async for hit in Commands(app.screen).discover()}
        missing = {"n", "N", "r"}, {"esc"}  # of what can be done later
        for kind, later in zip((TreeList, TreeScreen), missing, strict=True):
            for command in commands_of(kind, app):
                offered = any(command.words in words for words in found)
                assert offered == (command.keys not in later), command
        assert tree.has_focus


# ------------------------------------------------------------------ many passages
async def test_of_three_thousand_passages_only_those_in_sight_are_laid_out(
    running, studio, monkeypatch
):
    story = studio.writing.new_story("A fox")
    with studio.library.transaction():
        parent = None
        for at in range(3000):
            turn = studio.library.stories.add_turn(
                story.id, parent, "writer", f"Passage {at}.", open_it=at == 2999
            )
            parent = turn.id
    laid_out: list[str] = []

    def counted(place: Place, *rest: object) -> object:
        laid_out.append(place.turn.prose)
        return row(place, *rest)

    monkeypatch.setattr(tree_widget, "row", counted)
    async with running(loaded=False) as (app, pilot):
        tree = await tree_of(app, pilot, story.id)
        assert chosen(tree) == "Passage 2999"
        await pilot.press("home", "slash", *"passage 1500")
        await pilot.pause()
        assert chosen(tree) == "Passage 1500"
        assert "Passage 1500." in seen(pilot)
        assert len(set(laid_out)) < 200


@st.composite
def trees(draw: st.DrawFn) -> tuple[list[int | None], set[int]]:
    """Each turn's parent by number, and which turns are thrown away."""
    size = draw(st.integers(0, 40))
    parents = [draw(st.none() | st.integers(0, at - 1)) if at else None for at in range(size)]
    gone = draw(st.sets(st.integers(0, size - 1), max_size=5)) if size else set()
    return parents, gone


@settings(max_examples=40, deadline=None)
@given(trees(), st.integers(1, 90))
def test_the_rows_of_any_tree_hold_each_passage_once(
    drawn_tree: tuple[list[int | None], set[int]], width: int
) -> None:
    parents, gone = drawn_tree
    with TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder) / "library.db")
        turns: list[Turn] = []
        for at, parent in enumerate(parents):
            turns.append(shelf.add(None if parent is None else turns[parent].id, f"<{at}>"))
        for at in sorted(gone):
            shelf.branching.prune(turns[at].id)
        places = shelf.branching.map(shelf.story)
        shelf.library.close()
    assert sorted(one.turn.id for one in places) == [one.id for one in turns]
    at = {one.turn.id: number for number, one in enumerate(places)}
    for number, one in enumerate(places):
        parent = one.turn.parent_id
        above = -1 if parent is None else at[parent]
        assert above < number, "what follows stands below"
        depth = 0 if parent is None else places[above].depth
        assert one.depth == depth + one.begins
        # Between a passage and what follows it there is nothing but what parts from it there.
        assert all(two.depth > depth for two in places[above + 1 : number])
        shown = row(one, number == 0, width)
        if width > 40:
            assert f"<{one.turn.id - 1}>" in shown.words
            assert cell_len("".join((*shown[:4], shown.facts))) == width
    trunks = [(one.turn.parent_id, one.begins) for one in places]
    for parent in {one.turn.parent_id for one in places}:
        assert trunks.count((parent, False)) == 1


@pytest.mark.parametrize("width", [8, 20, 76])
@settings(max_examples=50, deadline=None)
@given(before=st.text("ab é漢\n", max_size=80), after=st.text("ab é漢\n", max_size=80))
def test_a_difference_is_drawn_whole_and_fits(width: int, before: str, after: str) -> None:
    pieces = words(before, after)
    shown = list(lines(pieces, width))
    for line in shown:
        assert cell_len(" ".join(word for _, word in line.words)) <= width
    told = "".join(word for _, word, _ in marked(pieces) if word != BREAK)
    assert "".join(word for line in shown for _, word in line.words) == told
