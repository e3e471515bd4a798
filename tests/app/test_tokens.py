"""A passage token by token: moved through, begun again, left; hostile and empty ones."""

from __future__ import annotations

import re

import msgspec
import pytest
from rich.cells import cell_len

from talecraft.app.screens.help import HelpScreen
from talecraft.app.screens.tokens import TokensScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.app.widgets.token_rows import anchors, first_word, nearest, of_tags, rows
from talecraft.app.widgets.tokens import TokenChoices, TokenFlow, label, percent, share, step_of
from talecraft.process.messages import Candidate, TokenOdds
from tests.app.conftest import (
    begun,
    finished,
    generation,
    notices,
    page_of,
    seen,
    static,
    until,
)

WIDE = (120, 40)


async def looked(app, pilot) -> TokenFlow:
    """The tokens of the passage that is chosen, else of the last one."""
    app.screen.manuscript.focus()
    await pilot.press("t")
    await until(pilot, lambda: isinstance(app.screen, TokensScreen))
    await until(pilot, lambda: app.screen._flow.odds is not None)
    return app.screen._flow


def last(page):
    return page.talecraft.studio.library.stories.turn(page.page.path[-1].id)


@pytest.mark.parametrize("size", [WIDE, (80, 24), (60, 16), (200, 60)])
async def test_the_pick_is_moved_and_told_in_words(running, size):
    async with running(size) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        made = last(page).generation
        flow = await looked(app, pilot)
        assert flow.picked == made.prose_start, "it begins with the prose"
        assert "1–10 %" in seen(pilot)
        total = len(made.response_ids) - 1
        await pilot.press("right", "right", "left")
        assert flow.picked == made.prose_start + 1
        assert static(pilot, "#token-facts").startswith("␣fox  ")
        assert f"token {flow.picked} of {total}" in static(pilot, "#token-facts")
        await pilot.press("home", "left")
        assert flow.picked == 1, "the tag that opens the plan is not shown"
        assert "<think>" not in seen(pilot)
        await pilot.press("end", "right")
        assert flow.picked == total
        assert flow.odds.taken.id == made.response_ids[-1]
        await pilot.press("up", "up", "down")
        assert 1 < flow.picked < total
        place = flow._place
        assert 0 <= place[0] - flow.scroll_y < flow.size.height, "it stays in sight"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))


async def test_n_goes_to_what_surprised_the_model(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        flow = await looked(app, pilot)
        await pilot.press("home")
        found = []
        for _ in range(40):
            await pilot.press("n")
            found.append(flow.picked)
        low = [
            at for at in range(2, len(flow._tokens))
            if share(flow._tokens[at].taken.logprob) < 0.1
        ]  # fmt: skip
        assert low
        assert list(dict.fromkeys(found)) == low
        await pilot.press("N")
        assert flow.picked == low[-2]


async def test_a_digit_begins_again_with_that_alternative(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        before = last(page)
        flow = await looked(app, pilot)
        await pilot.press("right", "right", "right")
        at = flow.picked
        number, other = next(
            (n, one) for n, one in enumerate(flow.odds.top, 1) if one.text == " sea"
        )
        await pilot.press(str(number))
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await finished(app, pilot)
        after = last(page)
        assert after.id != before.id
        assert after.parent_id == before.parent_id
        assert after.prose == "The fox waited sea and went on."
        assert "The fox waited sea and went on." in seen(pilot)
        assert after.outline == before.outline
        assert page.page.versions == 2
        assert at == before.generation.prose_start + 3
        assert other.id not in before.generation.response_ids
        await pilot.press("ctrl+z")
        assert last(page).id == before.id


async def test_r_draws_again_and_enter_takes_from_the_list(running):
    async with running((80, 24)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await looked(app, pilot)
        await pilot.press("right", "r")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await finished(app, pilot)
        assert last(page).prose == "The and went on."
        flow = await looked(app, pilot)
        await pilot.press("home", "right", "enter")
        choices = app.screen.query_one(TokenChoices)
        assert choices.has_focus
        chosen = choices.choices[choices.highlighted]
        assert chosen.id != flow.odds.taken.id, "what stands there already is not offered first"
        await pilot.press("left")
        assert flow.has_focus
        await pilot.press("tab", "down", "up", "enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await finished(app, pilot)
        assert last(page).prose == "It went on.", "begun again in its plan"


async def test_a_click_picks_a_token_and_one_takes_an_alternative(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        flow = await looked(app, pilot)
        lines = seen(pilot).splitlines()
        y = next(at for at, line in enumerate(lines) if "nets were drying" in line)
        x = lines[y].index("drying") + 2
        await pilot.click(offset=(x, y))
        assert flow.odds.taken.text.strip() == "drying,"
        assert static(pilot, "#token-facts").startswith("␣drying,")
        before = last(page).id
        await pilot.click("#token-choices", offset=(4, 1))
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await finished(app, pilot)
        assert last(page).id != before


async def test_keys_that_mean_nothing_do_nothing(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        before = last(page)
        flow = await looked(app, pilot)
        at = flow.picked
        await pilot.press(
            "0", "9", "x", "q", "t", "v", "plus", "space", "ctrl+z", "delete", "pageup"
        )
        assert isinstance(app.screen, TokensScreen)
        assert flow.picked == at
        assert last(page) == before
        assert page.composer.text == ""
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        assert isinstance(app.screen, TokensScreen)


async def test_half_characters_are_picked_and_named(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        flow = await looked(app, pilot)
        half = next(at for at, one in enumerate(flow._tokens) if not one.text)
        flow._pick(half)
        await pilot.pause()
        assert static(pilot, "#token-facts").startswith("(part of a character)")
        assert flow._place[1].text == "“", "it is seen at the character it is part of"
        await pilot.press("right")
        assert static(pilot, "#token-facts").startswith("“")


@pytest.mark.parametrize(("script", "shown"), [("MARKUP", "[/oops]"), ("ESCAPES", "before")])
async def test_hostile_tokens_are_letters(running, script, shown):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, f"{script} harbour")
        flow = await looked(app, pilot)
        for _ in range(len(flow._tokens)):
            await pilot.press("right")
            text = seen(pilot)
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
        assert shown in text
        assert "[red]x[/red]" in text
        assert "(not printable)" in text


async def test_an_edited_passage_shows_what_was_written_and_says_so(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.studio.branching.edit(last(page).id, "Quite another text.")
        page.reload()
        await looked(app, pilot)
        assert "Edited since" in seen(pilot)
        assert "Quite another" not in seen(pilot)
        assert "The fox waited" in seen(pilot)


async def test_odds_with_another_adapter_are_called_that(running, studio):
    story = studio.writing.new_story("A harbour")
    made = msgspec.structs.replace(generation(studio), adapter_id="deadbeef", prompt_ids=[1, 0])
    studio.library.stories.add_turn(story.id, None, "model", "One.", "- a", made)
    async with running() as (app, pilot):
        await page_of(app, pilot, story.id)
        flow = await looked(app, pilot)
        text = " ".join(seen(pilot).split())
        assert "written with adapter deadbeef, which is no longer there" in text
        assert "with no adapter." in text
        assert (flow.picked, flow.odds.taken.id) == (1, 4), "prose begins there"


async def test_what_has_no_tokens_says_so(running, studio):
    async with running() as (app, pilot):
        story = app.studio.writing.new_story("A harbour")
        app.studio.writing.say(story.id, "My own words.")
        page = await page_of(app, pilot, story.id)
        await pilot.press("tab", "t")
        assert "nothing to do that with" in notices(pilot), "no passage of the model's"
        assert page.composer.text == ""
        parent = page.page.path[-1].id
        turn = app.studio.library.stories.add_turn(
            story.id, parent, "model", "By another.", "", generation(studio)
        )
        page.reload()
        await pilot.press("k", "k", "t")
        assert "These are your own words." in notices(pilot)
        assert isinstance(app.screen, WritingScreen)
        assert turn.id == page.page.path[-1].id


async def test_a_passage_by_another_model_and_an_empty_one_are_refused_in_a_line(running, studio):
    story = studio.writing.new_story("A harbour")
    made = generation(studio)
    other = msgspec.structs.replace(made, model_id="elsewhere")
    empty = msgspec.structs.replace(made, response_ids=[], forced=[])
    first = studio.library.stories.add_turn(story.id, None, "model", "One.", "- a", other)
    studio.library.stories.add_turn(story.id, first.id, "model", "Two.", "- b", empty)
    async with running() as (app, pilot):
        await page_of(app, pilot, story.id)
        await pilot.press("tab", "t")
        assert "no record" in notices(pilot)
        await pilot.press("k", "k", "t")
        assert "written by elsewhere" in notices(pilot)
        assert isinstance(app.screen, WritingScreen)


async def test_a_look_can_be_left_while_it_is_had_and_may_fail(running):
    async with running() as (app, pilot):
        await begun(app, pilot, "LOOKWAIT harbour")
        await pilot.press("tab", "t")
        await until(pilot, lambda: isinstance(app.screen, TokensScreen))
        await until(pilot, lambda: "reading 64 of 512" in seen(pilot))
        assert "reads the passage" in seen(pilot)
        await pilot.press("1", "r", "n", "enter", "right", "down", "end")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await until(pilot, lambda: app.phase.phase == "ready")
        await begun(app, pilot, "LOOKFAIL harbour")
        await pilot.press("tab", "t")
        await until(pilot, lambda: "The look failed [/b]." in seen(pilot))
        await pilot.press("1", "r", "n", "up", "escape")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))


async def test_any_size(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "LONG harbour")
        flow = await looked(app, pilot)
        for size in [(1, 1), (300, 100), (2, 40), (59, 24), (60, 16), (10, 10), (80, 24)]:
            await pilot.resize_terminal(*size)
            await pilot.press("right", "down")
        place = flow._place
        assert 0 <= place[0] - flow.scroll_y < flow.size.height


# ---------------------------------------------------------------------- pure parts
def odds(text: str) -> TokenOdds:
    return TokenOdds(text, Candidate(1, text, -1.0), 0, [])


@pytest.mark.parametrize("width", [8, 20, 72])
@pytest.mark.parametrize(
    "texts",
    [
        ["The", " keep", "er", " counted", "  ", "the", " ships", ".", "\n\n", "“", "Well", ",”"],
        ["x" * 50, "y" * 50, " z"],
        ["彼女は", "静かに", "海を見て", "いた。", "\n", "e", "\u0301", " end"],
        ["", "", "\n", "", "   ", "    a", "\n", "\n"],
        ["   ", " "],
        [],
    ],
)
def test_rows_hold_every_character_once_in_order(texts, width):
    found = rows(texts, 0, width)
    flat = [stretch for row in found for stretch in row]
    assert "".join(s.text for s in flat) == "".join(texts).replace("\n", "↵")
    for at, text in enumerate(texts):
        own = "".join(s.text for s in flat if s.token == at)
        assert own == text.replace("\n", "↵")
    for row in found:
        assert cell_len("".join(s.text for s in row).rstrip(" ↵")) <= width
        for stretch in row:
            assert nearest(row, stretch.x) == stretch.token or not cell_len(stretch.text)


def test_a_token_without_text_is_shown_at_the_next_that_has_some():
    found = anchors([odds(text) for text in ["", "a", "", "", "“", "\x1b", ""]])
    assert list(found) == [1, 1, 4, 4, 4, 4, 4]
    assert list(anchors([odds(""), odds("")])) == [0, 0]


def test_words_for_odds_and_tokens():
    said = [percent(p) for p in (1.0, 0.996, 0.5, 0.0999, 0.032, 0.001, 0.0001)]
    assert said == ["> 99 %", "> 99 %", "50 %", "10 %", "3.2 %", "0.1 %", "< 0.1 %"]
    assert [step_of(p) for p in (1, 0.5, 0.2, 0.05, 0.001)] == [
        "sure", "sure", "likely", "unlikely", "rare"
    ]  # fmt: skip
    shown = [label(text) for text in (" the", "a\n", "", "\x1b", "\ufffd\ufffd", "[b]")]
    assert shown == [
        "␣the",
        "a↵",
        "(not printable)",
        "(not printable)",
        "(part of a character)",
        "[b]",
    ]


def test_it_opens_on_the_first_word_of_prose_and_tags_are_known():
    texts = ["<think>", "\n", "-", " A", " fox", "\n", "<st", "ory>", "\n", "“", "Once", " upon"]
    tags = of_tags(texts, ["<think>", "<story>", ""])
    assert tags == {0, 6, 7}
    assert first_word(texts, 8, tags) == 10, "after the end of the line and the quotation mark"
    assert first_word(texts, 6, tags) == 10, "and never on a tag"
    assert first_word(["\n", "—"], 1, frozenset()) == 1


async def test_a_tag_is_shown_quietly_and_is_not_where_it_opens(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        flow = await looked(app, pilot)
        assert flow.odds.taken.text == "The"
        tag = next(at for at, one in enumerate(flow._tokens) if "<story>" in one.text)
        y = next(y for y, row in enumerate(flow._rows) for one in row
                 if one.token == tag and "<story>" in one.text)  # fmt: skip
        drawn = [one for one in flow.render_line(y - round(flow.scroll_y)) if "<story>" in one.text]
        assert drawn
        assert drawn[0].style.color == flow.style("tag").color
        assert not drawn[0].style.underline
