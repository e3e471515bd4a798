"""Books lose what is no story, and nothing else: chapters, paragraphs and words stay in order."""

from __future__ import annotations

import textwrap
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.corpus import boilerplate, books, cleaning, headings
from talecraft.corpus.books import Book, parse
from talecraft.story.idf import terms
from tests.support import hostile

# As Project Gutenberg lays a book out; the text is ours.
GUTENBERG = """\
The Project Gutenberg eBook of The Mill

Title: The Mill
Author: Ada Vane

*** START OF THE PROJECT GUTENBERG EBOOK THE MILL ***

Produced by A. Helper and the Online
Distributed Proofreading Team at https://www.pgdp.net


[Illustration: THE MILL AT NIGHT,
drawn by [the author's] sister.]


THE MILL

by

Ada Vane


CONTENTS

CHAPTER I. The Wheel
CHAPTER II. The Key


PREFACE

This book was written in a winter when the mill stood still, and nobody
who reads it needs to know more of its author than that.

A. V.


CHAPTER I. The Wheel

     _Turn, wheel, turn._--OLD SONG.

THE WHEEL had stood still for a year.[1] Nobody in the village could
say why, though “everybody” had a reason--and told it.

Mrs. Moss did not believe any of the reasons that were told to her by her

[Illustration]

neighbours, for she had a reason of her own.

42

[1] Some say two years.

“Good night, wheel,
Good night, stone,”
she sang;
and then she locked the door, put the key into her pocket, and walked up
the whole of the long hill to her house.

* * * * *

CHAPTER II. The Key

In the morning the key was gone.* Mrs. Moss looked under the bed and in
the oven and in both of her shoes, and then she sat down and laughed.

    * "A key of iron", say others.

Then she wrote a letter{Endnote 7} to the miller[A] and went to bed.

                                THE END

Notes

The song is sung in many villages.

*** END OF THE PROJECT GUTENBERG EBOOK THE MILL ***

You may copy it, give it away or re-use it under the terms of the licence.
"""


def test_a_book_of_project_gutenberg() -> None:
    book = parse(GUTENBERG, name="a file")
    assert (book.title, book.author) == ("The Mill", "Ada Vane")
    assert [(one.title, one.paragraphs) for one in book.chapters] == [
        (
            "CHAPTER I. The Wheel",
            [
                "The wheel had stood still for a year. Nobody in the village could say why, though"
                ' "everybody" had a reason—and told it.',
                "Mrs. Moss did not believe any of the reasons that were told to her by her"
                " neighbours, for she had a reason of her own.",
                '"Good night, wheel, Good night, stone," she sang; and then she locked the door,'
                " put the key into her pocket, and walked up the whole of the long hill to her"
                " house.",
            ],
        ),
        (
            "CHAPTER II. The Key",
            [
                "In the morning the key was gone. Mrs. Moss looked under the bed and in the oven"
                " and in both of her shoes, and then she sat down and laughed.",
                "Then she wrote a letter to the miller and went to bed.",
            ],
        ),
    ]
    assert set(book.cut) == {
        "frame", "front matter", "headings", "mottoes", "notes and pictures", "footnotes",
        "front and back matter",
    }  # fmt: skip


def test_every_word_is_kept_or_counted_as_cut() -> None:
    book = parse(GUTENBERG)
    kept = books.word_count(book.chapters)
    assert kept + sum(book.cut.values()) == len(terms(GUTENBERG))
    assert kept == 122


def test_verse_keeps_its_lines_and_prose_loses_its_own() -> None:
    text = (
        "The Song\nAda Vane\n\nShe went down to the river in the evening and sang to the water"
        " that ran\nbelow the mill, so that everybody on the other bank could hear what she sang"
        " then:\n\n   Turn, wheel,\n   turn till day,\n   grind the night\n   away, away.\n"
    )
    (chapter,) = parse(text).chapters
    assert chapter.paragraphs[1] == "Turn, wheel,\nturn till day,\ngrind the night\naway, away."
    assert "\n" not in chapter.paragraphs[0]


TALE = "Once there was a fox who found a key, and nobody knew what it was for.\n" * 4


def test_tales_of_a_collection_are_known_by_lines_like_titles() -> None:
    text = (
        "OLD TALES\n\nSelected and Edited by\n\nJOSEPH MOSS\n\n\nPREFACE\n\nI thank the owls.\n\n"
        f"J. MOSS.\n\n\nTHE FOX AND THE KEY[3]\n\n{TALE}\n\nThe Owl of the Mill\n\n{TALE}\n\n\n"
        f"The Owl of the Hill\n\n{TALE}\n\n\nINDEX\n\nFOX, 12, 14-20\n\nMILL, the old, 7\n"
    )
    book = parse(text)
    assert (book.title, book.author) == ("Old Tales", "Joseph Moss")
    assert [one.title for one in book.chapters] == [
        "THE FOX AND THE KEY", "The Owl of the Mill", "The Owl of the Hill",
    ]  # fmt: skip


def test_chapters_within_one_tale_do_not_hide_the_titles_of_the_others() -> None:
    own = "".join(f"CHAPTER {at}\n\n{TALE}\n\n" for at in ("I", "II", "III"))
    others = "".join(f"\n\nTHE {name}\n\n{TALE}" for name in ("OWL", "FOX", "CAT", "HEN", "BEAR"))
    titles = [one.title for one in parse(f"{own}{others}").chapters]
    assert titles[:3] == ["CHAPTER I", "CHAPTER II", "CHAPTER III"]
    assert titles[3:] == ["THE OWL", "THE FOX", "THE CAT", "THE HEN", "THE BEAR"]


def test_what_is_too_short_for_a_chapter_is_cut_and_counted() -> None:
    book = parse(f"CHAPTER I\n\nThe wheel, 3\n\nCHAPTER II\n\n{TALE}\n\nCHAPTER III\n\n{TALE}")
    assert [one.title for one in book.chapters] == ["CHAPTER II", "CHAPTER III"]
    assert book.cut["short sections"] == 2


def test_signs_in_a_story_are_no_chapters_where_chapters_say_so() -> None:
    sign = "\n\nTRESPASSERS BEWARE\n\n"
    text = "".join(f"CHAPTER {at}\n\n{TALE}{sign}{TALE}\n\n" for at in ("I", "II", "III"))
    book = parse(text)
    assert [one.title for one in book.chapters] == ["CHAPTER I", "CHAPTER II", "CHAPTER III"]
    assert all("TRESPASSERS BEWARE" in one.paragraphs for one in book.chapters)


def test_chapters_of_several_parts_keep_names_of_their_own() -> None:
    text = "".join(
        f"BOOK {book}. The {book}\n\nCHAPTER I. The Wheel\n\n{TALE}\n\nCHAPTER II.\n\n{TALE}\n\n"
        for book in ("ONE", "TWO")
    )
    assert [one.title for one in parse(f"{text}CHAPTER II.\n\n{TALE}").chapters] == [
        "BOOK ONE. The ONE CHAPTER I. The Wheel",
        "BOOK ONE. The ONE CHAPTER II.",
        "BOOK TWO. The TWO CHAPTER I. The Wheel",
        "BOOK TWO. The TWO CHAPTER II.",
        "BOOK TWO. The TWO CHAPTER II. (2)",
    ]


def test_markdown_and_text_without_chapters() -> None:
    found = parse(f"# Contents\n\nOne, two\n\n# One\n{TALE}\n\n## Two\n\nA *very* {TALE}")
    assert [one.title for one in found.chapters] == ["One", "Two"]
    assert found.chapters[1].paragraphs[0].startswith("A very Once there was")
    plain = parse(TALE.replace("\n", "\n\n"), "Ada Vane", "a tale")
    assert (plain.title, plain.author) == ("a tale", "Ada Vane")
    assert [(one.title, len(one.paragraphs)) for one in plain.chapters] == [("", 4)]


@pytest.mark.parametrize(
    ("lines", "title", "author"),
    [
        ("The Mill\nE. Nesbit\n\nOnce", "The Mill", "E. Nesbit"),
        ("The Mill\nMrs. Molesworth\n\nOnce", "The Mill", "Mrs. Molesworth"),
        ("The Mill\n\nOnce there was a fox.", "The Mill", ""),
        ("The Mill\nstood in a wood.\n\nOnce", "The Mill", ""),
        ("THE\n  TALES OF A GOOSE\n AS FIRST COLLECTED BY\nC. P. MOSS IN 1696\n\nx",
         "The Tales of a Goose", "C. P. Moss"),
        ("THE RED BOOK\n\nBy Various\n\nEdited by Andrew Moss\n\nx", "The Red Book", "Andrew Moss"),
        ("Tales\n\nBy Various\n\nx", "Tales", "Various"),
        ("Tales\n\nBy Anonymous\n\n_COLLECTED BY_ JOSEPH MOSS\n\nx", "Tales", "Joseph Moss"),
        ("Tales\n\n--BY--\n\nW. R. MOSS, M. A.,\n\nx", "Tales", "W. R. Moss"),
        ("Tales\n\nWith an Introduction by Sam Vane\n\nby Ada Moss\n\nx", "Tales", "Ada Moss"),
        ("The letter was written by the King of Spain himself in great haste.\n\nx", "", ""),
        ("CHAPTER I\n\nOnce there was", "", ""),
    ],
)  # fmt: skip
def test_title_and_author_are_told_by_the_first_lines(lines: str, title: str, author: str) -> None:
    book = parse(lines)
    assert (book.title, book.author) == (title, author)


@pytest.mark.parametrize(
    ("line", "chapter", "matter"),
    [
        ("CHAPTER IV. The Mill", True, False),
        ("Chapter the Last", True, False),
        ("BOOK TWO: THE COMING", True, False),
        ("Part 3", True, False),
        ("EPILOGUE", True, False),
        ("Part of the mill fell down.", False, False),
        ("chapter four was dull", False, False),
        ("Books are good", False, False),
        ("CONTENTS", False, True),
        ("THE AUTHOR'S PREFACE", False, True),
        ("Notes and References", False, True),
        ("Noted everywhere", False, False),
        ("Pages turned in the wind", False, False),
        ("THE MILL", False, False),
    ],
)
def test_headings(line: str, chapter: bool, matter: bool) -> None:
    assert headings.is_chapter(line) == chapter
    assert headings.is_matter(line, 2) == matter
    if matter:
        assert headings.is_matter(line, 1) == line.isupper(), "in a story it might be a sentence"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("gone.[12] So", "gone. So"),
        ("a gliff* of it", "a gliff of it"),
        ("an inn.* So", "an inn. So"),
        ('pit-mirk," * said I', 'pit-mirk," said I'),
        ("the end {Endnote 4}", "the end"),
        ("word)(1) so", "word) so"),
        ("so (1) and [sic]", "so (1) and [sic]"),
        ("2 * 3", "2 * 3"),
    ],
)
def test_numbers_of_notes_leave_the_sentence(text: str, left: str) -> None:
    assert boilerplate.unreferenced(text) == left


def test_brackets_in_a_sentence_stay() -> None:
    cut = Counter[str]()
    text = (
        "He [the fox] ran. [Illustration: a [red] fox] Then\n\n[A CAPTION\nof two lines]\n\nhe sat."
    )
    assert boilerplate.unbracketed(text, cut).split() == "He [the fox] ran. Then he sat.".split()
    assert cut == {"notes and pictures": 9}


# ---------------------------------------------------------------------- whatever the text
word = st.text("abcdefghijklmnop", min_size=1, max_size=9)
sentence = st.lists(word, min_size=3, max_size=30).map(lambda one: f"The {' '.join(one)}.")
paragraph = st.lists(sentence, min_size=1, max_size=4).map(" ".join)
chapter = st.lists(paragraph, min_size=2, max_size=5)
REMOVED = ("[Illustration: The Mill]", "* * *", "17", "[3] See above.", "[Footnote: A mill.]")


@given(
    st.lists(chapter, min_size=3, max_size=5),
    st.integers(40, 78),
    st.lists(st.sampled_from(REMOVED), max_size=6),
    st.randoms(use_true_random=False),
)
def test_no_word_is_lost_or_moved_but_what_is_declared(chapters, width, removed, rng):
    blocks = []
    for at, paragraphs in enumerate(chapters):
        paragraphs = [f"{one} The {'end ' * 30}came." for one in paragraphs]
        chapters[at] = paragraphs
        inner = [textwrap.fill(one, width) for one in paragraphs]
        for one in removed:
            inner.insert(rng.randint(1, len(inner)), one)
        blocks += [f"CHAPTER {at + 1}.", *inner]
    book = parse("\n\n".join(blocks))
    assert [one.paragraphs for one in book.chapters] == chapters
    total = len(terms("\n\n".join(blocks)))
    assert books.word_count(book.chapters) + sum(book.cut.values()) == total


lines = st.lists(
    st.lists(word, max_size=14).map(" ".join) | st.sampled_from(["", "  indented", "-"]),
    max_size=30,
).map("\n".join)


@given(lines)
def test_unwrapping_at_one_margin_twice_is_unwrapping_once(text):
    at = cleaning.margin(text)
    once = cleaning.unwrap(text, at)
    assert cleaning.unwrap(once, at) == once
    assert once.split() == text.split()


@given(hostile.texts | st.lists(hostile.texts, max_size=8).map("\n\n".join))
def test_hostile_texts_are_cleaned_and_end_nothing(text):
    book = parse(text, name="a file")
    assert isinstance(book, Book)
    shown = [book.title, book.author, *(one.title for one in book.chapters)]
    for one in [*shown, *(part for chapter in book.chapters for part in chapter.paragraphs)]:
        assert not hostile.FORBIDDEN.search(one)


def test_hostile_marks_take_no_time_that_grows_with_their_square() -> None:
    """Timed by nobody: a square of 200,000 would end at the suite's own limit."""
    for piece in ("[", "]", "[a]", "by ", "CHAPTER I\n\n", "a\n\n", " *", "x.", "[Illustration\n"):
        parse(piece * 100_000)


def test_other_scripts_are_books_too() -> None:
    tale = "Жила-была лиса, и нашла она ключ, а от чего он, никто не знал.\n" * 4
    (one,) = parse(f"Мельница\nАда Ване\n\nCHAPTER I\n\n{tale}").chapters
    assert one.title == "CHAPTER I"
    assert books.word_count([one]) == 14 * 4


def test_a_dash_at_a_paragraphs_end_joins_no_other() -> None:
    assert cleaning.tidy("I saw--\n\nNothing -- at all.") == "I saw—\n\nNothing—at all."
    assert cleaning.typography("I\u00a0will\u2003go\u200b") == "I will go"
