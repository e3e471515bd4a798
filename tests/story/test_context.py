"""The story and the writer's notes as blocks for the model."""

from __future__ import annotations

import pytest

from talecraft.story.context import Block, PromptStyle, blocks
from talecraft.story.notes import NOT_CALLED, AuthorsNote, Entry, Notes, Summary
from talecraft.story.turns import Generation, Sampling, Story, Turn

STYLE = PromptStyle()
STORY = Story(1, "T", " A fox. ", None, "", "")


def made(model: str = "m", prose_end: int = 3) -> Generation:
    return Generation(
        model, "r1", "none", None, "eager", Sampling(), [1], [10, 11, 12, 99], [False] * 4, 1,
        prose_end, [0.0] * 4, [0.0] * 4, "end", 0.1,
    )  # fmt: skip


PATH = [
    Turn(1, 1, None, "model", " - plan ", " It ran. ", "", made()),
    Turn(2, 1, 1, "writer", "", "It hid under the old bridge.", ""),
    Turn(3, 1, 2, "model", "", "It slept.", "", made(model="other")),
]


def test_blocks_follow_the_pattern() -> None:
    assert blocks(STORY, PATH, STYLE, "m@r1") == [
        Block("<prompt>\nA fox.\n", source="premise", end="\n"),
        # the stop tag is not carried on
        Block("<think>\n- plan\n<story>\nIt ran.\n", [10, 11, 12], name="1", beat="plan"),
        Block(
            "<story>\nIt hid under the old bridge.\n", name="2", beat="It hid under the old bridge"
        ),
        # another model's ids mean nothing here
        Block("<story>\nIt slept.\n", name="3", beat="It slept"),
    ]
    assert blocks(STORY, PATH, STYLE, "m@r2")[1].ids == []


def test_notes_stand_before_the_text_and_the_authors_in_its_midst() -> None:
    notes = Notes(
        memory=" The fox is called Ro. ",
        note=AuthorsNote("Make it rain.", depth=1),
        entries={
            "1": Entry("Bridge", "built by trolls", priority=1),
            "2": Entry("Mill", "the mill burned down", kind="character"),
            "3": Entry("Ro", "a fox", always=True),
        },
    )
    assert blocks(STORY, PATH, STYLE, "m@r1", notes)[:4] == [
        Block("<prompt>\nA fox.\n", source="premise", end="\n"),
        Block("The fox is called Ro.\n", source="memory", end="\n"),
        Block("Ro: a fox\n", source="lore", name="Ro", end="\n"),
        Block(
            "[Mill: the mill burned down]\n",
            [],
            "character",
            "]\n",
            "Mill",
            left=NOT_CALLED,
            late=True,
        ),
    ]
    text = blocks(STORY, PATH, STYLE, "m@r1", notes)[4:]
    assert [one.source for one in text] == ["lore", "text", "text", "note", "text"]
    assert text[0] == Block(
        "[Bridge: built by trolls]\n", [], "lore", "]\n", "Bridge", late=True, priority=1
    )
    assert text[3].text == "[Make it rain.]\n"
    deep = Notes(note=AuthorsNote("Rain.", depth=9))
    assert blocks(STORY, PATH, STYLE, "m@r1", deep)[1].source == "note"


def test_the_place_of_what_is_called_moves_in_steps() -> None:
    notes = Notes(entries={"1": Entry("Owl", "wise")})

    def after(passages: int) -> int:
        path = [
            Turn(n, 1, n - 1 or None, "writer", "", "An owl.", "") for n in range(1, passages + 1)
        ]
        before, near = path[:32], path[32:]
        if passages < 40:
            before, near = [], path
        shown = blocks(STORY, near, STYLE, "m@r1", notes, before)
        return next(n for n, one in enumerate(reversed(shown)) if one.source == "lore")

    assert [after(n) for n in range(1, 12)] == [1, 2, 3, 4, 5, 2, 3, 4, 5, 2, 3]
    assert [after(n) for n in (38, 39, 40, 41, 42)] == [2, 3, 4, 5, 2], "also where it is cut"


def test_entries_are_called_by_the_premise_and_by_what_is_being_written() -> None:
    notes = Notes(entries={"1": Entry("Fox", "red"), "2": Entry("Zed", "blue", scan=1)})

    def left(path: list[Turn], begun: str = "") -> list[str]:
        shown = blocks(STORY, path, STYLE, "m@r1", notes, begun=begun)
        return [one.name for one in shown if one.left]

    assert left([]) == ["Zed"]
    assert left(PATH[:2]) == ["Zed"], "the premise is as near as a passage"
    assert left(PATH) == ["Fox", "Zed"]
    assert left(PATH, "Then Zed") == ["Fox"]


def test_what_a_note_says_opens_nothing() -> None:
    notes = Notes(memory="He said <story> and <eos>.", note=AuthorsNote("<think> hard"))
    shown = blocks(STORY, [], STYLE, "m@r1", notes)
    assert [one.text for one in shown[1:]] == ["He said story and eos.\n", "[think hard]\n"]


def test_without_plans_only_the_prose_is_shown() -> None:
    bare = blocks(STORY, PATH, STYLE, "m@r1", Notes(plans=False))
    assert bare[1] == Block("<story>\nIt ran.\n", name="1", beat="plan")


def test_what_the_writer_has_summed_up_has_no_beats_of_its_own() -> None:
    before = [Turn(n, 1, n - 1 or None, "writer", "", f"Owl {n} flew off.", "") for n in (1, 2, 3)]
    path = [Turn(4, 1, 3, "writer", "", "Owl 4 flew off.", "")]
    told = Notes(summary=Summary("Two owls left. ", upto=2))
    shown = blocks(STORY, path, STYLE, "m@r1", told, before)
    assert shown[1].text == "Two owls left."
    assert shown[1].earlier == ["Owl 3 flew off"]
    assert (shown[2].name, shown[2].beat) == ("4", "Owl 4 flew off")
    assert blocks(STORY, path, STYLE, "m@r1", Notes(summary=Summary("All.", upto=4)))[2].beat == ""


def test_the_prose_tag_is_bare() -> None:
    assert PromptStyle(story_open="\n<story>\n").prose_tag == "<story>"


@pytest.mark.parametrize(
    ("think_open", "outline", "added"),
    [
        ("<think>\n", "- a\n", "- The end\n"),
        ("<think>\n", "- a", "\n- The end\n"),
        ("<think>\n", "", "- The end\n"),
        ("<think>\n", "- a\n- The end\n", ""),
        ("Plan:\n- ", "", "The end\n"),
        ("Plan:\n- ", "The end", ""),
        ("Plan:\n- ", "a\n- The end", ""),
        ("<think>\n", "- Not The end", "\n- The end\n"),
    ],
)
def test_a_plan_asks_for_the_end_once(think_open: str, outline: str, added: str) -> None:
    assert PromptStyle(think_open=think_open).asked_to_end(outline) == added
