"""A user's own files become tales, or one clear line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from talecraft.corpus import cleaning
from talecraft.corpus.reading import beats_of, read
from talecraft.errors import UsageError

STORY = (
    "Nell found a silver key in the mud. She carried the key to the owl and showed it to him. The"
    " owl led Nell to a small door in the hill. Nell opened the door and saw a room full of stars."
)


def _jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_table_of_prompt_outline_and_story_is_taken_as_it_is(tmp_path: Path) -> None:
    row = {
        "prompt": "A fox finds a key",
        "outline": "- a key\n2. an owl\n\n* a door",
        "story": STORY,
    }
    (tale,) = read(_jsonl(tmp_path / "own.jsonl", row)).tales
    assert tale.premise == "A fox finds a key"
    assert [one.outline for one in tale.passages] == [("a key", "an owl", "a door")]
    assert tale.prose == STORY
    assert tale.source == "own.jsonl, row 1"


def test_an_outline_may_be_a_list(tmp_path: Path) -> None:
    row = {"prompt": "A fox", "outline": ["a key", "an owl"], "story": STORY}
    (tale,) = read(_jsonl(tmp_path / "own.jsonl", row)).tales
    assert tale.passages[0].outline == ("a key", "an owl")


def test_writing_prompts_are_put_together_again(tmp_path: Path) -> None:
    source = "[ WP ] A fox finds a key . It is n't hers ."
    target = STORY.replace(". ", " . <newline> <newline> ").replace("Nell ", "Nell 's friend ")
    with (tmp_path / "wp.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["wp_source", "wp_target"])
        writer.writeheader()
        writer.writerow({"wp_source": source, "wp_target": target})
    (tale,) = read(tmp_path / "wp.csv").tales
    assert tale.premise == "A fox finds a key. It isn't hers."
    assert tale.prose.startswith("Nell's friend found a silver key in the mud.\n\nShe carried")
    assert any(one.outline for one in tale.passages)


def test_parquet_gives_what_jsonl_gives(tmp_path: Path) -> None:
    rows = [{"prompt": "A fox", "story": STORY}, {"prompt": "An owl", "story": STORY}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet").tales
    same = read(_jsonl(tmp_path / "t.jsonl", *rows)).tales
    assert [(t.premise, t.passages) for t in found] == [(t.premise, t.passages) for t in same]
    assert [t.source for t in found] == ["t.parquet, row 1", "t.parquet, row 2"]


def test_texts_alone_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text(f"{STORY}\n\n***\n\n{STORY}\n")
    (tmp_path / "a.md").write_text(f"# The Key\n\n{STORY.replace('silver', '**silver**')}")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    found = read(tmp_path).tales
    assert [tale.source for tale in found] == ["a.md", "b.txt, story 1", "b.txt, story 2"]
    assert "silver key" in found[0].prose
    assert "*" not in found[0].prose
    assert all(tale.premise for tale in found)


def test_escapes_in_a_file_do_not_pass(tmp_path: Path) -> None:
    row = {"prompt": "A \x1b]52;c;evil\x07fox", "story": STORY + "\x1b[2J\u202e"}
    (tale,) = read(_jsonl(tmp_path / "t.jsonl", row)).tales
    assert not any(ord(letter) < 32 and letter != "\n" for letter in tale.premise + tale.prose)
    assert "\u202e" not in tale.prose


def _bad(tmp_path: Path, name: str, content: bytes | None) -> str:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.jsonl", None, "There is no file or folder"),
        ("a.docx", b"x", "no kind of file that stories are read from"),
        ("a.jsonl", b'{"story": "x"', "a.jsonl, row 1 is no JSON"),
        ("a.jsonl", b"[1]\n", "a.jsonl, row 1 is no JSON object"),
        ("a.jsonl", b'\n{"title": "x"}', "a.jsonl, row 2 has no story: its columns are title"),
        ("a.jsonl", b'{"story": 3}', "a.jsonl, row 1: 'story' is no text but int"),
        ("a.jsonl", b'{"story": "Too short."}', "No story of 20 words"),
        ("a.csv", b"prompt,story\na,b,c\n", "a.csv, line 2 has more cells than the header"),
        ("a.csv", b"", "No story of 20 words"),
        ("a.txt", b"\xff\xfe\x00", "is not UTF-8 text (byte 0)"),
        ("a.parquet", b"PAR1nonsense", "is no readable parquet file"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(
    tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    assert told in _bad(tmp_path, name, content)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No stories in"):
        read(tmp_path)


def test_beats_lose_their_marks() -> None:
    assert beats_of("- a\n* b\n• c\n1. d\n2) e\n\n  f  ") == ("a", "b", "c", "d", "e", "f")


def test_hard_wrapped_text_is_unwrapped_and_verse_is_not() -> None:
    wrapped = (
        "Once there was a fox who lived in a wood that was so deep and so old\n"
        "that nobody had ever come out of it again, and she had a house there\n"
        "with a red door and a chimney.\n"
        "\n"
        "The fox sang:\n\nA key, a key,\nbring it to me,\n\n"
        "and the birds of the whole wood came and listened to her until the sun\n"
        "went down behind the hills and it was time to sleep.\n"
    )
    assert cleaning.wrapped(wrapped)
    assert cleaning.paragraphs(wrapped).split("\n\n") == [
        "Once there was a fox who lived in a wood that was so deep and so old that nobody had ever"
        " come out of it again, and she had a house there with a red door and a chimney.",
        "The fox sang:",
        "A key, a key,\nbring it to me,",
        "and the birds of the whole wood came and listened to her until the sun went down behind"
        " the hills and it was time to sleep.",
    ]
    assert not cleaning.wrapped('"Yes," she said.\n"No," said he.\nThey went.\nIt rained.\nOh.')


def test_ordinary_prose_is_not_taken_for_tokens() -> None:
    text = 'Nell found a key . . . "Hello," she said. "Who is there?" The owl , of course.'
    assert cleaning.paragraphs(text) == text
    tokens = "`` Who is there ? '' she said . It was n't the owl ."
    assert cleaning.paragraphs(tokens) == '"Who is there?" she said. It wasn\'t the owl.'


def test_an_empty_story_is_passed_over(tmp_path: Path) -> None:
    rows = [{"prompt": "A fox", "story": None}, {"prompt": "An owl", "story": STORY}]
    (tale,) = read(_jsonl(tmp_path / "t.jsonl", *rows)).tales
    assert tale.premise == "An owl"


def test_hostile_marks_take_no_time_that_grows_with_their_square() -> None:
    """Timed by nobody: a square of 200,000 would end at the suite's own limit."""
    cleaning.paragraphs("**a " * 200_000)
    cleaning.paragraphs("\n" * 200_000 + "_ " * 200_000)


def test_of_many_stories_some_are_drawn_in_their_order(tmp_path: Path) -> None:
    rows = [{"prompt": f"Fox {at}", "story": STORY} for at in range(200)]
    rows.insert(7, {"prompt": "Too short", "story": "Once."})
    data = _jsonl(tmp_path / "many.jsonl", *rows)
    every, drawn = read(data), read(data, most=20)
    assert (len(every.tales), every.there, every.short) == (200, 200, ["many.jsonl, row 8"])
    assert (len(drawn.tales), drawn.there) == (20, 200)
    assert read(data, most=20) == drawn
    assert read(data, seed=1, most=20) != drawn
    order = [one.source for one in every.tales]
    places = [order.index(one.source) for one in drawn.tales]
    assert places == sorted(places)
    # each as likely as another: of 40 draws of 20 from 200 the mean place is near the middle
    means = [
        order.index(one.source) for seed in range(40) for one in read(data, seed, most=20).tales
    ]
    assert abs(sum(means) / len(means) - 99.5) < 7


def test_reading_can_be_stopped_at_any_story(tmp_path: Path) -> None:
    data = _jsonl(tmp_path / "many.jsonl", *({"story": STORY} for _ in range(5)))
    asked = 0

    def alive() -> None:
        nonlocal asked
        asked += 1
        if asked == 8:  # five are looked at, then made into tales
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(data, alive=alive)
    assert asked == 8


def test_a_text_of_many_stories_is_read_a_line_at_a_time(tmp_path: Path) -> None:
    """Breaks of all kinds, at the beginning and the end too; a number for each place."""
    file = tmp_path / "many.txt"
    file.write_text(f"***\n{STORY}\n<|endoftext|>\nToo short.\n---\n\n* * *\n{STORY}\n===\n")
    found = read(file)
    assert [one.source for one in found.tales] == ["many.txt, story 2", "many.txt, story 5"]
    assert found.short == ["many.txt, story 3"]
    assert found.there == 2


def test_a_parquet_without_a_story_is_told_with_all_its_columns(tmp_path: Path) -> None:
    pq.write_table(
        pa.Table.from_pylist([{"prompt": "A fox", "body": STORY}]), tmp_path / "t.parquet"
    )
    with pytest.raises(UsageError, match="its columns are prompt, body"):
        read(tmp_path / "t.parquet")
