"""The footer: what it names where there is no room for all."""

from __future__ import annotations

import pytest

from tests.app.conftest import begun, seen


@pytest.mark.parametrize(
    ("width", "named"),
    [
        (60, ("e Edit", "p Plan", "s Skeleton", "t Tokens")),
        (80, ("e Edit", "p Plan", "s Skeleton", "t Tokens", "x Discard", "w Export")),
        (100, ("w Export", "v Versions", "f Finish")),
    ],
)
async def test_in_the_manuscript_the_letters_wanted_most_are_named(running, width, named):
    async with running((width, 24)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab")
        await pilot.pause()
        assert app.focused is page.manuscript
        footer = seen(pilot).splitlines()[-1]
        for words in (*named, "esc Write", "f1 Help", "^p All"):
            assert f" {words} " in f"{footer} ", (words, footer)


async def test_the_way_out_and_the_help_are_named_in_the_composer_too(running):
    async with running((60, 24)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        footer = seen(pilot).splitlines()[-1]
        assert "⏎ Continue" in footer
        assert "esc Library" in footer
        assert "f1 Help" in footer
