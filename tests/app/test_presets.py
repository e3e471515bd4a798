"""A story's preset, chosen from the page."""

from tests.app.conftest import finished, notices, options, page_of, scored, seen, until


async def test_a_preset_is_chosen_told_and_taken_back(running, studio):
    async with running((120, 30)) as (app, pilot):
        page = await page_of(app, pilot, scored(studio, [3]))
        await pilot.press("tab", "d")
        shown = "\n".join(options(pilot, "OptionList"))
        assert "● as the settings say" in shown
        assert "wild   Passes the most obvious words over" in shown
        await pilot.press("end", "enter")
        assert "words are drawn by the preset wild" in notices(pilot)
        await until(pilot, lambda: "preset wild · " in seen(pilot))
        await pilot.press("escape", "enter")
        await finished(app, pilot)
        written = app.studio.library.stories.turn(page.page.path[-1].id)
        assert written.generation.sampling.xtc_probability == 0.5
        await pilot.press("tab", "d", "home", "enter")
        await until(pilot, lambda: "preset wild" not in seen(pilot))
        assert app.studio.library.stories.get(page.story_id).preset == ""
        await pilot.press("d", "escape")
        assert app.studio.library.stories.get(page.story_id).preset == ""
