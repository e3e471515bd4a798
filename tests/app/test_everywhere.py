"""What holds on every screen: literal text, any size, true help, a palette with everything."""

from __future__ import annotations

import gc
import re
import subprocess
import sys

import pytest
from textual.command import CommandPalette
from textual.content import Content

from talecraft.app.commands import Commands
from talecraft.app.keys import bindings_of, commands_of, help_groups
from talecraft.app.screens.choosing import ChoosingScreen
from talecraft.app.screens.difference import DifferenceScreen
from talecraft.app.screens.help import HelpScreen
from talecraft.app.screens.pasting import LongPaste
from talecraft.app.text import said
from talecraft.app.widgets.keyline import KeyLine
from talecraft.app.widgets.wrapping import wrap
from talecraft.studio import reading
from talecraft.studio.branching import Parting
from tests.app.conftest import (
    begun,
    finished,
    notices,
    outcome,
    page_of,
    past_run,
    scored,
    seen,
    until,
)
from tests.app.test_adapters import adapter

HOSTILE = "[/oops] [red]blood[/red] [@click=app.quit]go[/] \x1b]52;c;ZXZpbA==\x07\x1b[2Jend"
LITERAL = "[/oops] [red]blood[/red] [@click=app.quit]go[/] end"
SIZES = [(1, 1), (300, 100), (2, 40), (59, 24), (80, 15), (60, 16), (10, 10), (100, 30), (80, 24)]


async def test_markup_and_escapes_are_shown_as_text_everywhere(running, studio):
    story = studio.writing.new_story(HOSTILE, HOSTILE)
    studio.writing.say(story.id, HOSTILE)
    past_run(studio, outcome("rejected", HOSTILE), error=HOSTILE)
    async with running((120, 40)) as (app, pilot):
        assert LITERAL in seen(pilot)
        page = await page_of(app, pilot, story.id)
        assert seen(pilot).count(LITERAL) == 2
        page.composer.set_text(HOSTILE)
        app.say(HOSTILE, HOSTILE)
        await pilot.pause()
        assert LITERAL in notices(pilot)
        await pilot.press("f3")
        await until(pilot, lambda: LITERAL in seen(pilot))
        await pilot.press("f2", "f1")
        await pilot.pause()


@pytest.mark.parametrize(("script", "shown"), [("MARKUP", "[/oops]"), ("ESCAPES", "before after")])
async def test_a_models_text_is_never_obeyed(running, script, shown):
    async with running((120, 40)) as (app, pilot):
        await begun(app, pilot, f"{script} harbour")
        text = seen(pilot)
        assert shown in text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)


@pytest.mark.parametrize("key", ["f1", "f2", "f3", "f5", "escape"])
async def test_every_size_on_every_screen(running, studio, key):
    scored(studio, [3, 4])
    past_run(studio, outcome())
    async with running(loaded=False) as (app, pilot):
        await pilot.press(key)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            if width >= 30 and (width < 60 or height < 16):
                assert "Make it" in seen(pilot)
        assert app.is_running


async def test_sizes_while_the_model_writes(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert page.composer.has_focus
        await pilot.press("x")
        assert page.composer.text == "x"
        await pilot.press("escape")
        await finished(app, pilot)
        assert "The fox waited" in seen(pilot)


async def test_every_key_is_in_the_help(running):
    async with running((100, 400), loaded=False) as (app, pilot):
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause()
        text = re.sub(r"\s+", " ", seen(pilot))
        for kind in help_groups():
            assert kind.HELP in text
            for binding in bindings_of(kind):
                if binding.action == "say_why_not":
                    continue  # is no deed
                assert (binding.tooltip or binding.description) in text
                assert app.get_key_display(binding) in text


def test_help_leaves_out_no_class_that_has_keys():
    """Every class of the app that declares keys is one of the help's groups."""
    shown = set(help_groups())
    declared = {
        kind
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("talecraft.app")
        for kind in vars(module).values()
        if isinstance(kind, type)
        and kind.__module__.startswith("talecraft.app")
        and kind.__dict__.get("BINDINGS")
    }
    assert declared <= shown


async def test_the_palette_has_every_action_that_works_now(running):
    async with running((100, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("4")
        commands = Commands(page)
        found = {str(hit.display) async for hit in commands.discover()}
        nodes = [page, page.composer, page.manuscript, page.plan_pane, page.skeleton, app]
        for node in nodes:
            for kind in type(node).__mro__:
                if "HELP" not in kind.__dict__:
                    continue
                for command in commands_of(kind, app):
                    works = any(commands._works(action, node) for action in command.actions)
                    named = any(command.words in words for words in found)
                    assert named == works, command


# The way to every screen, and to every widget on it that has keys of its own.
WALK = {
    "library": "",
    "trash": "d t",
    "opening": "n",
    "page": "enter",
    "manuscript": "enter tab k",
    "models": "f2",
    "training": "f3",
    "adapters": "f3 a down",
    "taste": "f3 t",
    "help": "f1",
    "plan": "enter tab p",
    "skeleton": "enter tab s",
    "focus": "enter f9",
    "editor": "enter tab e",
    "tree": "enter f4",
    "search": "enter f4 slash",
    "settings": "f5",
    "a value": "f5 down enter",
    "versions": "enter",
    "difference": "enter f4",
    "a name": "r",
    "a yes": "f3 b",
    "a choice": "f5 enter",
    "a paste": "enter",
    "tokens": "enter tab t …",
    "what else": "enter tab t … enter",
    "proposal": "enter tab e shift+home alt+r …",
    "ghost": "enter A ctrl+o …",
    "context": "enter f6 …",
    "a note": "enter f6 … m",
}
# What "…" waits for, where the engine has to answer.
ANSWERED = {
    "what else": lambda screen: screen._flow.odds is not None,
    "tokens": lambda screen: screen._flow.odds is not None,
    "proposal": lambda screen: screen.proposal.is_open and not screen.proposal.waiting,
    "ghost": lambda screen: screen.composer.ghost,
    "context": lambda screen: screen._event is not None,
    "a note": lambda screen: screen._event is not None,
}
# Shown by the program itself, over what the keys lead to.
COMES = {
    "versions": lambda path: ChoosingScreen([one for one in path if one.author == "model"]),
    "difference": lambda path: DifferenceScreen(Parting(1, "A long night.", "A short night.")),
    "a paste": lambda path: LongPaste(300_000, lambda: ""),
}
# Some keys changed: two change places, some have two, some moved among those that share a key.
OTHER_KEYS = """[keymap]
page.retry = "ctrl+t"
plan.fold = "ctrl+r"
app.back = "escape, f12"
page.continue = "enter, ctrl+s"
library.new = "N"
taste.first = "left"
score.like = "*"
dialog.no = "x"
"""


# Where these keys are.
CHANGED = ("library", "opening", "page", "manuscript", "taste", "plan", "a yes")


@pytest.mark.parametrize(
    ("where", "keys"),
    [*((where, "") for where in WALK), *((where, OTHER_KEYS) for where in CHANGED)],
    ids=[*WALK, *(f"{where}, other keys" for where in CHANGED)],
)
async def test_key_palette_and_mouse_do_the_same(running, studio, place, monkeypatch, where, keys):
    """Each action that works now is tried by its key, from the palette and on the footer; what
    would be done is noted and not done, so that the next one finds the same page."""
    place.settings_file.parent.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text(keys)
    learned = adapter(studio, 1)
    adapter(studio, 2, learned)
    for premise in ("A harbour", "A quay"):
        studio.writing.rate(studio.library.stories.get(scored(studio, [3, 4], premise)).leaf_id,
                            "stars", 4)  # fmt: skip
    async with running((300, 20)) as (app, pilot):
        for key in WALK[where].split():
            if key == "…":
                await until(pilot, lambda: ANSWERED[where](app.screen))
                continue
            await pilot.press("N" if keys and key == "n" else key)
            await pilot.pause()
        if where == "taste":
            await until(
                pilot, lambda: getattr(app.screen, "_round", None) and app.screen._round.pair
            )
        if where in COMES:
            path = reading.page(studio.library, app.screen.story_id or 1).path
            app.push_screen(COMES[where](path))
        await pilot.pause()
        screen, done = app.screen, []

        async def note(target, name, parameters):
            done.append((target, name, parameters))
            return True

        monkeypatch.setattr(app, "_dispatch_action", note)
        ours = [
            one
            for one in screen.active_bindings.items()
            if one[1].binding.id and one[1].enabled and one[1].binding.action != "say_why_not"
        ]
        assert ours
        offered = [] if screen.is_modal else list(Commands(screen)._nodes())
        found = []
        for words, shown, run in Commands(screen)._available() if offered else ():
            await run()
            found.append((str(done), words, shown))
            done.clear()
        for key, active in ours:
            expected = app._parse_action(active.binding.action, active.node)
            await pilot.press(key)
            assert done == [expected], key
            done.clear()
            if active.node in offered:
                key_shown = app.get_key_display(active.binding)
                assert any(
                    did == str([expected]) and active.tooltip in words
                    and key_shown in shown.split(" ")
                    for did, words, shown in found
                ), active.binding  # fmt: skip
            line = screen.query(KeyLine)
            if line and line.first().size and active.binding.show:
                x, _ = next(one for one in line.first()._placed()
                            if one[1].words == active.binding.description)  # fmt: skip
                await pilot.click(KeyLine, offset=(x + line.first().gutter.left, 0))
                await pilot.pause()
                assert done == [expected], key
                done.clear()


async def test_a_palette_command_does_what_it_says(running, place):
    async with running((100, 40)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"markdown")
        await until(pilot, lambda: "Export the story as Markdown" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "Story exported" in notices(pilot))
        assert [path.suffix for path in place.exports.iterdir()] == [".md"]


async def test_what_is_called_so_comes_first_in_the_palette(running):
    async with running((100, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        hits = [hit async for hit in Commands(page).search("words")]
        first = max(hits, key=lambda hit: hit.score)
        assert str(first.text).startswith("Words: a goal for the day")
        assert len(hits) > 3


async def test_the_key_line_is_true(running):
    async with running() as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        assert "⏎ Continue" in seen(pilot)
        assert "esc Library" in seen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        keys = seen(pilot).splitlines()[-1]
        assert "esc Stop" in keys
        assert "Continue" not in keys
        assert "Retry" not in keys
        await pilot.click("KeyLine", offset=(keys.index("esc"), 0))
        await finished(app, pilot)
        assert "⏎ Continue" in seen(pilot).splitlines()[-1]


async def test_no_color_is_kept(running, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(loaded=False) as (app, _pilot):
        assert app.no_color


def test_torch_and_numpy_stay_out_of_the_page():
    code = (
        "import sys, talecraft.app.main, talecraft.app.screens.writing,"
        " talecraft.app.screens.training, talecraft.app.screens.help\n"
        "heavy = {'torch', 'transformers', 'numpy', 'textual_plot', 'peft'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_said_is_literal_and_clean():
    assert said(HOSTILE).plain == LITERAL
    assert isinstance(said(("a", "bold")), Content)


@pytest.mark.parametrize("width", [8, 20, 72])
@pytest.mark.parametrize(
    "text",
    [
        "The keeper counted the ships that did not come, and wrote them down.",
        "x" * 100,
        "彼女は静かに海を見ていた。" * 4,
        "a 👩‍👩‍👧 family of é́ accents and 漢字 mixed with words",
        "    indented, and  double  spaced   ",
    ],
)
def test_wrapping_fits_and_loses_nothing(text, width):
    from rich.cells import cell_len

    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line, _ in lines)
    joined = "".join(line + join for line, join in lines)
    assert "".join(joined.split()) == "".join(text.split())


async def test_garbage_is_collected_again_once_the_page_is_there(running):
    gc.disable()
    try:
        async with running(loaded=False) as (_app, pilot):
            await until(pilot, gc.isenabled)
    finally:
        gc.enable()
