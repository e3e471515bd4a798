"""The writer's notes: where they hold, what is refused, what other programs have."""

from __future__ import annotations

import json

import pytest

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.story.notes import AuthorsNote, Entry, Notes, Summary
from talecraft.studio import lorebooks
from talecraft.studio.notebook import Notebook


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "library.db")
    yield library
    library.close()


@pytest.fixture
def book(library):
    return Notebook(library)


@pytest.fixture
def story(library):
    """Of two passages."""
    made = library.stories.create("T", "A harbour")
    first = library.stories.add_turn(made.id, None, "writer", "Marta came. The ferryman, Marta.")
    library.stories.add_turn(made.id, first.id, "writer", "So Marta went, and Marta sang.")
    return made.id


def test_notes_hold_in_the_whole_story_unless_from_here_on(book, library, story):
    book.remember(story, " Winter.\x1b[2J ")
    book.tell_model(story, "Rain.", 2)
    book.show_plans(story, False)
    assert book.of(story) == Notes("Winter.", AuthorsNote("Rain.", 2), plans=False)
    leaf = library.stories.get(story).leaf_id
    book.remember(story, "Spring.", here=True)
    assert book.of(story).memory == "Spring."
    assert library.notes.at(story, None).memory == "Winter."
    book.remember(story, "Late spring.")
    assert library.notes.at(story, None).memory == "Winter.", "what holds here is what is changed"
    assert book.holds_from(story) == {"memory": leaf, "note": 0, "plans": 0}


def test_entries_are_kept_changed_and_forgotten(book, story):
    key = book.keep(story, Entry(" Mill\n", " burned ", keys=("mill ", "", "mill", "fire")))
    assert book.of(story).entries == {key: Entry("Mill", "burned", keys=("mill", "fire"))}
    assert book.named(story, "MILL") == key
    with pytest.raises(UsageError, match="called Mill"):
        book.keep(story, Entry("mill", "again"))
    assert book.keep(story, Entry("Milly", "a miller"), key) == key
    other = book.keep(story, Entry("Owl", "wise"))
    assert other != key
    book.forget(story, key)
    assert list(book.of(story).entries) == [other]
    assert book.keep(story, Entry("New", "x")) not in (key, other), "no key comes back"
    with pytest.raises(UsageError, match="no such entry"):
        book.forget(story, key)
    with pytest.raises(UsageError, match="called Mill"):
        book.named(story, "Mill")


def test_an_entry_forgotten_here_is_still_known_before(book, library, story):
    key = book.keep(story, Entry("Owl", "wise"))
    book.forget(story, key, here=True)
    assert book.of(story).entries == {}
    assert library.notes.at(story, None).entries == {key: Entry("Owl", "wise")}


def test_the_story_so_far_holds_from_the_passage_it_tells_up_to(book, library, story):
    path = library.stories.path(library.stories.get(story).leaf_id)
    book.sum_up(story, "Marta came.", 1)
    assert book.of(story).summary == Summary("Marta came.", path[0].id)
    book.sum_up(story, "Marta came by.")
    assert book.of(story).summary == Summary("Marta came by.", path[0].id)
    assert library.notes.at(story, None).summary == Summary()
    with pytest.raises(UsageError, match="no passage 3"):
        book.sum_up(story, "x", 3)


def test_a_summary_told_anew_is_not_hidden_by_one_further_down(book, library, story):
    book.sum_up(story, "All of it.", 2)
    book.sum_up(story, "The beginning.", 1)
    assert book.of(story).summary.text == "The beginning."
    library.branches.undo(story)
    assert book.of(story).summary.text == "All of it.", "that was one step"


def test_an_emptied_summary_leaves_all_to_the_beats(book, story):
    book.sum_up(story, "The beginning.", 1)
    book.sum_up(story, "All of it.", 2)
    book.sum_up(story, "")
    assert book.of(story).summary == Summary()


def test_a_note_from_here_on_outlives_the_plan_that_waits(book, library, story):
    base = library.stories.get(story).leaf_id
    library.stories.add_turn(story, base, "model", "", "- a plan")
    book.remember(story, "Later.", here=True)
    library.stories.add_turn(story, base, "model", "The prose.", "- a plan")
    assert book.of(story).memory == "Later."


def test_what_cannot_be_is_refused(book, story):
    with pytest.raises(UsageError, match="-1 passages"):
        book.tell_model(story, "x", -1)
    with pytest.raises(UsageError, match="no story 99"):
        book.remember(99, "x")


def test_names_without_an_entry_and_a_draft(book, story):
    assert book.names(story) == ["Marta"]
    draft = book.draft(story, " Marta ")
    assert (draft.title, draft.kind) == ("Marta", "character")
    assert "Marta sang" in draft.text
    book.keep(story, draft)
    assert book.names(story) == []
    with pytest.raises(UsageError, match="does not speak of Otto"):
        book.draft(story, "Otto")


ENTRY = {"key": ["mill", "/old mill/i"], "comment": "Mill", "content": "It burned.", "order": 7}
FILES = {
    "SillyTavern": {"entries": {"0": {**ENTRY, "constant": True, "scanDepth": 2}}},
    "a character card": {"data": {"character_book": {"entries": [
        {"keys": ["mill", "/old mill/i"], "name": "Mill", "content": "It burned.",
         "constant": True, "insertion_order": 7, "scanDepth": 2, "enabled": True}]}}},
    "NovelAI": {"entries": [
        {"displayName": "Mill", "text": "It burned.", "keys": ["mill", "/old mill/i"],
         "forceActivation": True, "contextConfig": {"budgetPriority": 7}, "scanDepth": 2.0}]},
    "KoboldAI": {"worldinfo": [
        {"key": "mill, /old mill/i", "comment": "Mill", "content": "It burned.", "constant": True,
         "priority": 7, "scanDepth": 2}]},
    "a bare list": [{**ENTRY, "constant": True, "scanDepth": 2}],
}  # fmt: skip


@pytest.mark.parametrize("program", FILES)
def test_lorebooks_of_other_programs(tmp_path, book, story, program):
    file = tmp_path / "book.json"
    file.write_text(json.dumps(FILES[program]))
    book.keep(story, Entry("mill", "old"))
    made = Entry("Mill", "It burned.", "lore", ("mill", "/old mill/i"), True, 7, 2)
    assert book.take_in(story, file) == ([made], 0)
    assert list(book.of(story).entries.values()) == [made], "one of the same title is replaced"


@pytest.mark.parametrize(
    "table",
    [
        {}, [], 3, None, "x", {"entries": 3}, {"entries": [3, None, {}]}, {"data": {"data": {}}},
        {"entries": [{**ENTRY, "disable": True}]}, {"entries": [{**ENTRY, "enabled": False}]},
        {"entries": [{"key": [3, None], "content": "x"}]}, {"entries": [{**ENTRY, "content": 3}]},
        {"entries": [{**ENTRY, "content": " "}]},
    ],
)  # fmt: skip
def test_files_without_lore_are_one_clear_line(tmp_path, table):
    file = tmp_path / "book.json"
    file.write_text(json.dumps(table))
    with pytest.raises(UsageError, match="no lore"):
        lorebooks.read(file)


def test_hostile_files(tmp_path):
    file = tmp_path / "book.json"
    for content, words in (
        (b"\xff\xfe", "no JSON"), (b"[" * 100_000, "no JSON"), (b"{", "no JSON"),
    ):  # fmt: skip
        file.write_bytes(content)
        with pytest.raises(UsageError, match=words):
            lorebooks.read(file)
    with pytest.raises(UsageError, match="no such file"):
        lorebooks.read(tmp_path / "none.json")
    entry = {**ENTRY, "comment": "T\x1b]0;x\x07" + "y" * 200, "order": 1e300, "scanDepth": -4}
    file.write_text(json.dumps([entry, entry]))
    (made, second), _ = lorebooks.read(file)
    assert made.title == "T" + "y" * 79
    assert second.title == made.title + " 2", "both are kept"
    assert (made.priority, made.scan) == (1_000_000, 1)


def test_of_a_lorebook_what_can_be_used_is_kept_and_the_rest_counted(tmp_path, book, story):
    file = tmp_path / "book.json"
    table = [
        {"key": ["mill", "/(/", "/\\bfire\\b/gi"], "content": "One.", "keys": []},
        {"key": "mill", "content": "Two."}, {**ENTRY, "disable": True}, {"key": "x"},
    ]  # fmt: skip
    file.write_text("\ufeff" + json.dumps(table), "utf-8")
    found, left = book.take_in(story, file)
    assert found == [
        Entry("mill", "One.", keys=("mill", "/\\bfire\\b/gi")),
        Entry("mill 2", "Two.", keys=("mill",)),
    ]
    assert left == 1
