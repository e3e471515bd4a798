"""The ghost: how the text in the composer may go on; taken whole, by words, or not at all."""

from __future__ import annotations

from talecraft.app.widgets.ghost import GhostLine
from tests.app.conftest import begun, notices, page_of, seen, typed, until

GHOST = " It sat still."  # what the scripted engine drafts first


async def haunted(pilot, page, text: str = "The fox came.") -> None:
    """`text` is typed, and how it may go on is shown."""
    await typed(pilot, text)
    await pilot.press("ctrl+o")
    await until(pilot, lambda: page.composer.ghost)


async def test_it_is_shown_after_the_cursor_and_taken_whole(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await haunted(pilot, page)
        assert "The fox came. It sat still." in seen(pilot)
        assert "Tab takes it" in seen(pilot)
        assert page.composer.text == "The fox came."
        await pilot.press("tab")
        assert page.composer.text == "The fox came." + GHOST
        assert page.composer.has_focus
        await pilot.pause()
        assert not page.composer.haunted
        assert "Tab takes it" not in seen(pilot)
        await pilot.press("ctrl+z")
        assert page.composer.text == "The fox came."


async def test_it_is_taken_by_words_and_by_typing_what_it_says(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await haunted(pilot, page)
        await pilot.press("ctrl+right")
        assert page.composer.text == "The fox came. It "
        await pilot.press("ctrl+right")
        assert page.composer.text == "The fox came. It sat "
        assert page.composer.ghost == "still."
        await typed(pilot, "st")
        assert page.composer.ghost == "ill."
        await pilot.press("right")
        assert page.composer.text == "The fox came." + GHOST


async def test_another_key_drives_it_away(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        for key in ("x", "left", "backspace", "escape"):
            page.composer.set_text("")
            await haunted(pilot, page)
            await pilot.press(key)
            await pilot.pause()
            assert not page.composer.haunted, key
            assert "It sat still" not in seen(pilot), key
        assert page.is_current, "Esc drove the ghost away, and nothing more"
        assert page.composer.text == "The fox came."


async def test_ctrl_right_without_a_ghost_goes_a_word_on_and_tab_to_the_text(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "The fox")
        await pilot.press("home", "ctrl+right")
        assert page.composer.cursor_location == (0, 3)
        await pilot.press("tab")
        assert page.manuscript.has_focus


async def test_what_follows_the_cursor_is_led_to(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "The fox came.  Then it rained.")
        page.composer.move_cursor((0, 14))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: page.composer.ghost)
        assert page.composer.ghost.strip() == "It was in no hurry.", "fits best before the rest"
        assert "It was in no hurry." in seen(pilot), "below: in the line there is text after it"
        await pilot.press("tab")
        assert " ".join(page.composer.text.split()) == (
            "The fox came. It was in no hurry. Then it rained."
        )


async def test_a_long_one_goes_on_below_and_a_click_takes_it(running):
    async with running((60, 24)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await haunted(pilot, page, "The fox came down to the boats, and it was early")
        below = page.query_one(GhostLine)
        assert page.composer.suggestion.strip(), "as much as has room"
        assert page.composer.suggestion != GHOST
        await pilot.click(below)
        assert page.composer.text == "The fox came down to the boats, and it was early" + GHOST


async def test_nothing_of_it_is_kept(running, studio):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turns = len(studio.library.stories.tree(page.story_id))
        await haunted(pilot, page)
        await pilot.press("tab")
        await until(pilot, lambda: not page.composer.haunted)
        assert len(studio.library.stories.tree(page.story_id)) == turns
        assert studio.library.feedback.of_story(page.story_id) == []


async def test_esc_stops_the_thinking_and_enter_goes_on_without_it(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await typed(pilot, "The fox came.")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "thinks how it may go on" in seen(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: app.phase.phase == "ready")
        assert "thinks how" not in seen(pilot)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "thinks how it may go on" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: app.live is not None)
        assert page.composer.text == ""
        assert not page.composer.haunted
        await pilot.press("escape")
        await until(pilot, lambda: app.live is None)


async def test_it_comes_by_itself_where_the_writer_wants_that(running, place):
    place.config.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text("[page]\nghost_after = 0.05\n")
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        assert not page.composer.haunted
        await typed(pilot, "The fox came.")
        await until(pilot, lambda: page.composer.ghost == GHOST)


async def test_where_nothing_comes_it_says_so(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("NOTHING").id)
        await typed(pilot, "The fox came.")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "no more to say" in notices(pilot))
        assert not page.composer.haunted


async def test_what_is_left_of_it_stays_where_it_stands_while_words_are_taken(running):
    words = (
        "looked at the boats that were lying there in the dark, and he thought of the winter that"
        " had taken his brother, and of the summer that had brought him home again."
    )
    for width in (60, 80):
        async with running((width, 24)) as (app, pilot):
            page = await begun(app, pilot, "A harbour")
            await typed(pilot, "The old man went down to the water and ")
            page.composer.ghost_waits()
            page.composer.show_ghost(words)
            shown: list[list[str]] = []
            for _ in words.split():
                await pilot.pause()
                rows = seen(pilot).splitlines()
                at = next(y for y, row in enumerate(rows) if "The old man" in row)
                shown.append([row[3:] for row in rows[at : at + 5]])
                await pilot.press("ctrl+right")
            assert page.composer.text.endswith(words)
            assert all(rows == shown[0] for rows in shown), width
