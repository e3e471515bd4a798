"""The page: it holds everything, asks for nothing, and no text of a story is obeyed."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from talecraft.library.adapters import Adapter
from talecraft.process.run_events import Check, Drawn, Example, Outcome, Phrase, RunEvent, Sample
from talecraft.studio.figures import KINDS, Figure, Kind
from talecraft.studio.reporting import page as pages
from talecraft.studio.reporting import passages
from talecraft.studio.reporting.curves import curves
from talecraft.studio.reporting.page import Picture, page
from talecraft.studio.reporting.told import gather
from tests.studio.reporting.reader import Reader
from tests.support import hostile, paper

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"
EVIL = (
    "</p></td></body><script>alert(1)</script><img src=http://e/x onerror=a()><style>*{}</style>"
    "<!-- \" onload=b() ' &lt;b&gt; ]]> <svg/onload=c()> javascript:d()"
)


def written(events: list[RunEvent], adapter: Adapter | None = None, **run: Any) -> str:
    told = gather(paper.run(**run), events, adapter)
    drawn = curves(told)
    return page(told, drawn, {one.id: Picture(PNG, PNG + b"dark") for one in drawn}, NOW)


def everything(words: str) -> tuple[list[RunEvent], dict[str, Any]]:
    """A run in which every text that comes from anywhere is `words`."""
    turns = [
        paper.turn(1.0, words, prompt=words, outline=words, parts={words: 1.0, "taste": 0.5}),
        paper.turn(0.5),
    ]
    ended = Outcome(
        "adopted", words, [Check(words, 0.5, words, False, words)], [Sample(words, words, words)],
        [Phrase(words, 1, 2)], words, {words: words}, 1, 1.0,
    )  # fmt: skip
    events: list[RunEvent] = [
        paper.taste(words), Drawn(1, turns), paper.step(1, note=words, parts={words: 1.0}),
        Example(1, Sample(words, words, words)), ended,
    ]  # fmt: skip
    order = paper.order(rewards={words: 1.0})
    order = msgspec.structs.replace(
        order, data=f"/x/{words}", version=words, lora_targets=[words],
        model=msgspec.structs.replace(order.model, id=words, revision=words, quantisation=words),
    )  # fmt: skip
    settings = msgspec.json.encode(order).decode()
    return events, {"settings": settings, "error": words, "model_id": words, "id": words}


def test_hostile_text_is_inert() -> None:
    """The same elements with the same attributes as of a harmless run, none of them a script."""
    harmless, evil = (everything(words) for words in ("words", EVIL))
    page_ = Reader(written(evil[0], **evil[1]))
    assert page_.shape() == Reader(written(harmless[0], **harmless[1])).shape()
    assert {tag for tag, _ in page_.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "footer",
        "section", "h1", "h2", "h3", "p", "a", "ul", "li", "dl", "div", "dt", "dd", "code", "span",
        "figure", "figcaption", "img", "table", "caption", "thead", "tbody",
        "tr", "th", "td", "details", "summary",
    }  # fmt: skip
    assert page_.comments == []
    assert page_.declared == ["DOCTYPE html"]
    for tag, given in page_.elements:
        assert not any(name.startswith("on") or name == "style" for name in given), tag
    assert page_.text.count(EVIL.replace("\n", " ")) > 20


@pytest.mark.rounds(1)
def test_strings_that_harm_terminals_and_eyes_are_cleaned(nth: tuple[int, int]) -> None:
    dice = random.Random(nth[0])
    shape = None
    for _ in range(25):
        words = hostile.text(dice).encode(errors="ignore").decode()
        events, run = everything(words)
        made = written(events, **run)
        assert not hostile.FORBIDDEN.search(made)
        found = Reader(made)
        # An attribute is one line: what it says is the same.
        assert shape in (None, found.shape())
        shape = found.shape()


def test_nothing_is_asked_for_from_outside() -> None:
    made = written(paper.ppo_events(paper.outcome()))
    for tag, given in Reader(made).elements:
        for name in ("src", "srcset", "href"):
            if (target := given.get(name)) is not None:
                assert target.startswith(("data:image/png;base64,", "#")), tag
    css = re.search(r"(?s)<style>(.*)</style>", made)
    assert css is not None
    assert "url(" not in css[1]
    assert "@import" not in css[1]


def test_the_policy_allows_its_own_style_and_its_own_pictures_alone() -> None:
    made = written(paper.ppo_events())
    css = re.search(r"(?s)<style>(.*?)</style>", made)
    assert css is not None
    allowed = base64.b64encode(hashlib.sha256(css[1].encode()).digest()).decode()
    (policy,) = (
        given["content"]
        for _, given in Reader(made).elements
        if given.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{allowed}'; base-uri 'none';"
        " form-action 'none'"
    )
    assert made.index("Content-Security-Policy") < made.index("<style>")


def test_the_style_is_for_day_night_and_paper() -> None:
    night = pages.CSS.split("@media screen and (prefers-color-scheme: dark)")[1]
    assert "img.night { display: block; }" in night
    assert "img.night { display: none; }" in pages.CSS.split("@media")[0]
    assert "@media print" in pages.CSS
    assert "</style" not in pages.CSS


def test_every_curve_is_there_in_light_and_dark_with_its_words() -> None:
    told = gather(paper.run(), paper.ppo_events())
    elements = Reader(written(paper.ppo_events())).elements
    for which, png in (("day", PNG), ("night", PNG + b"dark")):
        images = [given for tag, given in elements if tag == "img" and given["class"] == which]
        assert len(images) == len(curves(told)) == 11
        for image, curve in zip(images, curves(told), strict=True):
            assert image["src"] == f"data:image/png;base64,{base64.b64encode(png).decode()}"
            assert image["alt"] == f"{curve.title} over the updates. {curve.words}"


def test_what_is_told_is_there() -> None:
    text = Reader(written(paper.ppo_events(paper.outcome()))).text
    for words in (
        "What the model learned of your taste", "Adopted", "You like dialogue.", "It learned.",
        "2 of 4 updates", "in 2 min",
        "A gate.", "It is shut.", "It stands open.", "After update 1", "Who turns it?",
        "“she asked”", "rose", "0.2", "2.4", "“there was”", "fell",
        "win", "0.7 to 0.9", "at least 0.55", "✓ held", "uptake", "shown only",
        "1 of 1 conditions of the closing test held.",
        "Update 2: 2 passages, 2 chosen to learn from; reward +1.50 (+1.00 to +2.00)",
        "The fox ran.", "- It runs", "Of a fox",
    ):  # fmt: skip
        assert words in text, words


def test_a_turn_shows_what_each_part_of_the_reward_gave() -> None:
    made = written(paper.ppo_events())
    row = re.search(r"<tr><th scope=\"row\">1</th><td>\+0\.75</td>.*?</tr>", made)
    assert row is not None
    assert re.findall(r"<td[^>]*>([^<]+)</td>", row[0]) == ["+0.75", "+1.00", "-0.25", "1.2", "no"]


def test_a_row_of_figures_for_every_update() -> None:
    """Plain names and technical ones; what was not measured is a dash."""
    stopped = paper.step(
        2, kl=7.0, note="Too far.", clip_fraction=0.0, value_loss=0.0, policy_loss=0.0
    )
    made = written([paper.step(1), stopped])
    table = made[made.index('<section id="figures">') :].split("</section>")[0]
    heads = re.findall(r"<th scope=\"col\">(.*?)</th>", table)
    assert heads[:4] == ["Update", "Pleasing (reward)", "Change (KL)", "Freedom (entropy)"]
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in table.split("<tr>")[2:]]
    assert rows[0] == [
        "+0.50", "2.00", "1.90", "2.0%", "0.40", "71 words", "10%", "95%", "-0.0100", "0.100",
        "9.0 s",
    ]  # fmt: skip
    assert [rows[1][heads.index(f"{name}") - 1] for name in heads if "(" in name] == [
        "+0.50", "7.00", "1.80", "–", "–", "–", "0.100",
    ]  # fmt: skip
    assert "Update 2: Too far." in table


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("running", "Still going"),
        ("interrupted", "Cut off"),
        ("cancelled", "Stopped"),
        ("rejected", "Not adopted"),
        ("failed", "Failed"),
    ],
)
def test_how_it_stands(state: str, shown: str) -> None:
    text = Reader(written(paper.ppo_events(), state=state, error="Its last words.")).text
    assert shown in text
    assert ("was still going when this page was written" in text) == (state == "running")
    assert "Its last words." in text


def test_why_it_was_not_adopted_is_said_at_the_beginning() -> None:
    text = Reader(written(paper.ppo_events(paper.outcome("rejected")), state="rejected")).text
    assert text.index("It wins often.") < text.rindex("How it went")
    assert "0 of 1 conditions of the closing test held." in text


def test_older_events_leave_out_what_they_do_not_tell() -> None:
    events = [event for event in paper.ppo_events() if not isinstance(event, Drawn | Example)]
    found = Reader(written(events))
    links = [given["href"] for tag, given in found.elements if tag == "a"]
    assert links == ["#curves", "#figures", "#receipt"]
    assert "What it practised" not in found.text


def test_the_contents_lead_to_what_is_there() -> None:
    found = Reader(written(paper.ppo_events(paper.outcome())))
    links = [given["href"] for tag, given in found.elements if tag == "a"]
    ids = [f"#{given['id']}" for tag, given in found.elements if tag == "section"]
    assert links == ids[1:] == [
        "#curves", "#samples", "#phrases", "#gate", "#figures", "#drawn", "#receipt",
    ]  # fmt: skip


def test_a_run_on_the_pattern() -> None:
    text = Reader(written(paper.pattern_events(), method="pattern")).text
    assert "What the model learned from tales" in text
    assert "198 tales to learn from, 22 held back." in text
    assert "20 of 100 steps" in text
    assert "Surprise (loss) · Unseen (loss)" in text
    assert "3.800" in text


class Compared(msgspec.Struct, frozen=True, tag="compared"):
    """A step of a method that is still to come."""

    step: int
    total: int
    margin: float
    note: str = ""


def test_another_kind_of_step_is_an_entry_of_the_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    margin = Figure(
        "margin", "Sureness (margin)", lambda s: s.margin, lambda v: f"{v:.1f}",
        lambda s: "how far apart it holds them", "reward margin, nats",
    )  # fmt: skip
    monkeypatch.setitem(KINDS, Compared, Kind((margin,), steps="round"))
    events: Any = [Compared(1, 3, 0.5), Compared(2, 3, 1.5, "Enough.")]
    told = gather(paper.run(), events)
    (curve,) = curves(told)
    assert curve.lines[0].y == [0.5, 1.5]
    text = Reader(written(events)).text
    for words in ("Sureness (margin)", "reward margin, nats", "2 of 3 rounds", "Round 2: Enough."):
        assert words in text, words


def test_long_tables_are_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "All 2 steps that were told" not in written(paper.pattern_events())
    monkeypatch.setattr(pages, "MOST_ROWS", 1)
    assert "All 2 steps that were told" in written(paper.pattern_events())


def test_of_very_many_turns_the_ends_are_shown_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = [paper.turn(float(value), f"Worth {value}.") for value in range(9)]
    events: list[RunEvent] = [Drawn(1, turns), paper.step(1)]
    assert "Worth 4." in written(events)
    monkeypatch.setattr(passages, "MOST", 8)
    monkeypatch.setattr(passages, "ENDS", 2)
    made = written(events)
    assert [number for number in range(9) if f"Worth {number}." in made] == [0, 1, 7, 8]
    assert f"`talecraft train drawn {paper.RUN} --update N` shows all." in made


def test_the_style_is_shipped_beside_the_code() -> None:
    assert Path(pages.__file__).with_name("page.css").read_text() == pages.CSS
