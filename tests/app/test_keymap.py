"""Rebindable keys: what holds, what is refused and why, and that nothing tells of another key."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talecraft.app import keymap
from talecraft.app.commands import Commands
from talecraft.app.key_names import parse, told
from talecraft.app.keys import bindings_of, help_groups, places
from talecraft.app.rebinding import _GENERALLY, known_ids, take
from talecraft.app.screens.focus import FocusMode
from talecraft.app.screens.tree import TreeScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.app.widgets.composer import Composer
from talecraft.config import strict
from talecraft.config.settings import Settings
from talecraft.errors import ConfigError
from talecraft.paths import Home
from tests.app.conftest import begun, finished, notices, page_of, scored, seen, typed, until

APP = Path(__file__).parents[2] / "talecraft" / "app"


@pytest.fixture
def keys(place: Home) -> Callable[..., None]:
    """Write a `[keymap]` before the app is made."""

    def write(text: str) -> None:
        place.settings_file.parent.mkdir(parents=True, exist_ok=True)
        place.settings_file.write_text(f"[page]\nmeasure = 72\n\n[keymap]\n{text}")

    return write


# ------------------------------------------------------------------ names of keys
@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("f14", ("f14",)),
        ("Ctrl+R", ("ctrl+r",)),
        ("shift+ctrl+left", ("ctrl+shift+left",)),
        ("?", ("question_mark",)),
        ("question_mark, esc", ("question_mark", "escape")),
        ("N", ("N",)),
        ("shift+n", ("N",)),
        ("ctrl+plus", ("ctrl+plus",)),
        ("pgdn , pgdn", ("pagedown",)),
        ("space", ("space",)),
        ("é", ("é",)),
    ],
)
def test_keys_are_read_as_one_writes_them(written: str, keys: tuple[str, ...]) -> None:
    assert parse(written) == keys


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "a key is missing"),
        ("a,,b", "a key is missing"),
        ("qq", "no key called 'qq'"),
        ("ctl+r", "no key called 'ctl+r'"),
        ("ctrl+", "no key called"),
        ("ctrl+m", "from enter"),
        ("ctrl+[", "from escape"),
        ("\x1b", "no key called"),
    ],
)
def test_what_is_no_key_is_said_to_be_none(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        parse(written)


@given(st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_no_name_of_a_key_fails_in_another_way(text: str) -> None:
    try:
        keys = parse(text)
    except ValueError:
        return
    assert all(key and told(key) for key in keys)


# ------------------------------------------------------------------ ids
def test_every_binding_has_an_id_and_an_id_has_the_same_keys_everywhere() -> None:
    for kind in help_groups():
        by_id: dict[str, set[str]] = {}
        for binding in bindings_of(kind, keymap.Keymap()):
            assert binding.id, (kind, binding)
            assert re.fullmatch(r"[a-z]+\.[a-z0-9_]+", binding.id), binding.id
            by_id.setdefault(binding.id, set()).add(binding.key)
        for name, found in by_id.items():
            assert found == set(known_ids()[name].keys), (kind, name)


def test_a_hint_names_the_key_that_the_binding_has() -> None:
    """`hint(id, default)` all over the app, read from its source."""
    known = known_ids()
    seen_ids = set()
    for file in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (
                (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "hint")
                or (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "hint")
            ):
                continue  # fmt: skip
            name, default = node.args
            if isinstance(default, ast.Call) and isinstance(name, ast.Constant):  # mark(drawn, ..)
                default = default.args[0]
            if isinstance(name, ast.Constant) and isinstance(default, ast.Constant):
                seen_ids.add(name.value)
                own = told(known[name.value].keys[0]).replace("-", "−")
                assert default.value == own, (file.name, name.value)
    assert len(seen_ids) > 25


def test_what_is_said_of_keys_in_general_is_of_keys_there_are() -> None:
    assert set(_GENERALLY) <= set(known_ids())


def test_a_part_of_a_screen_is_no_place_of_its_own() -> None:
    assert (Composer, WritingScreen) in [place[:2] for place in places()]
    assert not any(FocusMode in place for place in places())


# ------------------------------------------------------------------ what holds
@pytest.mark.parametrize(
    "wanted",
    [
        {"page.retry": "f14"},
        {"page.retry": "ctrl+t", "plan.fold": "ctrl+r"},  # they change places
        {"composer.newline": "enter", "page.continue": "ctrl+s"},
        {"taste.first": "left", "taste.second": "right"},
        {"score.1": "f14, !"},
        {"library.show_trash": "x", "library.stories": "x"},  # they take turns
        {"app.back": "f12"},
        {"adapters.name": "i", "training.start": "n"},
        {"story.undo": "f14", "story.redo": "f10"},
        {"tree.compare": "c", "settings.default": "r", "choosing.a": "1"},
        {"plan.edit": "p", "passage.edit": "i"},
    ],
)
def test_these_hold(wanted: dict[str, str]) -> None:
    map_, refused = take(wanted)
    assert refused == []
    assert dict(map_.own) == {name: parse(keys) for name, keys in wanted.items()}


@pytest.mark.parametrize(
    ("wanted", "name", "why"),
    [
        ({"page.rety": "f14"}, "page.rety", "Is it page.retry?"),
        ({"page.retry": "qq"}, "page.retry", "no key called 'qq'"),
        ({"page.retry": "ctrl+t"}, "page.retry", "ctrl+t is the key of plan.fold"),
        ({"page.retry": "f14", "plan.fold": "f14"}, "plan.fold", "f14 is the key of page.retry"),
        ({"adapters.name": "s"}, "adapters.name", "s is the key of training.start"),
        ({"compare.adopt": "a"}, "compare.adopt", "a is the key of taste.first"),
        ({"dialog.yes": "f1"}, "dialog.yes", "f1 is the key of app.help"),
        ({"page.retry": "ctrl+a"}, "page.retry", "ctrl+a is taken"),  # the composer's own
        ({"library.new": "tab"}, "library.new", "tab is taken"),
        ({"app.help": "h"}, "app.help", "h is text"),
        ({"page.retry": "r"}, "page.retry", "r is text"),
        ({"dialog.cancel": "c"}, "dialog.cancel", "c is text"),
        ({"page.continue": "space"}, "page.continue", "space is text"),
        ({"score.1": "a"}, "score.1", "a begins a text"),
        ({"story.tree": "f5"}, "story.tree", "f5 is the key of app.settings"),
        ({"story.undo": "ctrl+u"}, "story.undo", "ctrl+u is taken"),  # the composer's own
        ({"editor.keep": "k"}, "editor.keep", "k is text"),
        ({"tree.end_search": "q"}, "tree.end_search", "q is text"),
        ({"tree.mark": "d"}, "tree.mark", "d is the key of tree.compare"),
        ({"choosing.a": "b"}, "choosing.a", "b is the key of choosing.b"),
        ({"choosing.next": "down"}, "choosing.next", "down is taken"),  # it scrolls a version
        ({"difference.next": "pagedown"}, "difference.next", "pagedown is taken"),
        ({"plan.redraw": "e"}, "plan.redraw", "e is the key of plan.edit"),
    ],
)
def test_these_do_not_and_the_rest_does(wanted: dict[str, str], name: str, why: str) -> None:
    map_, refused = take({**wanted, "library.rename": "e"})
    assert [one.name for one in refused] == [name]
    assert why in refused[0].words
    assert name not in map_.own
    assert map_.own["library.rename"] == ("e",)


@given(st.dictionaries(
    st.sampled_from(sorted(known_ids())),
    st.sampled_from(["f14", "f10", "a", "x", "enter", "escape", "ctrl+t", "up", "tab", "1,2", "?"]),
    max_size=8,
))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_no_keymap_leaves_two_on_a_key_or_anything_without_one(wanted: dict[str, str]) -> None:
    map_, refused = take(wanted)
    assert set(map_.own) | {one.name for one in refused} == set(wanted)
    again, none = take({name: ",".join(keys) for name, keys in map_.own.items()})
    assert none == []
    assert again.own == map_.own
    for kind in help_groups():
        assert all(binding.key for binding in map_.rebound(bindings_of(kind, keymap.Keymap())))


# ------------------------------------------------------------------ config.toml
def test_a_name_may_be_written_without_quotes(place: Home, keys) -> None:
    keys('page.retry = "f14"\n"plan.fold" = "f10"\n')
    assert strict.read(place.settings_file, Settings).keys == {
        "page.retry": "f14", "plan.fold": "f10",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ('"plan.fold" = "f10"\npage.retry = 5\n', 6, "page.retry"),
        ('"plan.fold" = ["f10"]\n', 5, "plan.fold"),
        ('page.retry.x = "f14"\n', 5, "page.retry"),
    ],
)
def test_a_wrong_type_is_an_error_with_its_line(place: Home, keys, text, line, name) -> None:
    keys(text)
    with pytest.raises(ConfigError) as error:
        strict.read(place.settings_file, Settings)
    assert str(error.value).startswith(f"{place.settings_file}:{line}: expected a text ({name}).")


async def test_a_bad_entry_is_told_with_file_and_line_and_the_rest_holds(running, keys, place):
    keys('page.retry = "f14"\n"plan.fold" = "qq[/x]"\n')
    async with running((120, 40)) as (app, pilot):
        await until(pilot, lambda: "not yours" in notices(pilot))
        assert f'{place.settings_file}:6: plan.fold = "qq[/x]" does not hold' in notices(pilot)
        await begun(app, pilot, "A harbour")
        await pilot.press("f14")
        await finished(app, pilot)
        assert "Take 2" in seen(pilot)


async def test_many_bad_entries_are_few_notices(running, keys):
    keys("".join(f'"no.such_{n}" = "f14"\n' for n in range(9)))
    async with running((120, 40), loaded=False) as (_app, pilot):
        await until(pilot, lambda: "6 more entries" in notices(pilot))
        assert notices(pilot).count("does not hold") == 3


# ------------------------------------------------------------------ on the page
async def test_help_footer_palette_and_hints_show_the_keys_in_force(running, keys):
    keys('page.retry = "f14"\napp.training = "f11"\nstory.finish = "F"\n"app.palette" = "f10"\n')
    async with running((120, 100)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        text = seen(pilot)
        footer = text.splitlines()[-1]
        assert "f14 Retry" in footer
        assert "^r" not in footer
        assert footer.rstrip().endswith("f10 All")
        assert "f11 Train" in footer or "Train" not in footer
        assert "F14 another version" in text
        found = {hit.text: hit.help async for hit in Commands(page).discover()}
        assert found["Retry: Write the last passage once more"] == "f14"
        assert found["Finish: Let the model bring the story to its end"] == "F"
        await pilot.press("f1")
        await pilot.pause()
        assert re.search(r"f14 +Write the last passage once more", seen(pilot))
        assert "train (F11)" in seen(pilot)
        assert "ctrl+r" not in str(app.screen.active_bindings)
        await pilot.press("escape", "f11")
        await pilot.pause()
        assert "Training" in seen(pilot)


async def test_what_shares_the_key_of_a_rebound_binding_keeps_it(running, keys):
    """Textual takes all bindings off a key of which one is rebound."""
    keys('page.stop = "f14"\n')
    async with running() as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        assert "f14 Stop" in seen(pilot)
        assert "F14 stops and keeps" in seen(pilot)
        await pilot.press("f14")
        await finished(app, pilot)
        await pilot.press("tab")
        assert not app.screen.composer.has_focus
        await pilot.press("escape")
        assert app.screen.composer.has_focus
        await pilot.press("escape")
        await until(pilot, lambda: "Stories" in seen(pilot))


async def test_enter_breaks_the_line_where_another_key_sends(running, keys):
    keys('page.continue = "ctrl+s"\ncomposer.newline = "enter"\n')
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await typed(pilot, "One\nTwo")
        await pilot.press("enter", "T", "h")
        assert page.composer.text.endswith("\nTh")
        await pilot.press("ctrl+s")
        await finished(app, pilot)
        assert page.page.path[0].prose.endswith("\nTh")
        assert page.page.path[1].author == "model"


async def test_a_key_that_sends_is_taken_in_its_turn_among_the_letters(running, keys):
    keys('page.continue = "ctrl+s"\n')
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        for key in ("H", "i", "ctrl+s", "n", "o", "w"):
            pilot.app.simulate_key(key) if "+" in key else await typed(pilot, key)
        await until(pilot, lambda: app.live)
        assert page.page.path[0].prose == "Hi"
        await until(pilot, lambda: page.composer.text == "now")
        await pilot.press("escape")
        await finished(app, pilot)


async def test_the_keys_of_scores_become_the_text_that_was_typed(running, keys):
    keys('"score.3" = "*"\n')
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("3")  # no longer a score
        assert page.composer.text == "3"
        await pilot.press("backspace")
        await typed(pilot, "*")
        await until(pilot, lambda: "3 of 5" in seen(pilot))
        await typed(pilot, " stars")
        assert page.composer.text == "* stars"
        assert "3 of 5" not in seen(pilot)


@pytest.mark.parametrize("key", ["x", "s"])
async def test_a_rebound_key_that_does_nothing_now_says_why(running, keys, studio, key):
    keys('training.pause = "x"\ntraining.stop = "p"\n')
    scored(studio, [3])
    async with running(loaded=False) as (_app, pilot):
        await pilot.press("f3")
        await pilot.pause()
        await pilot.press(key)
        await pilot.pause()
        assert {"x": "no run", "s": "Not yet."}[key].lower() in notices(pilot).lower()


async def test_the_new_screens_tell_of_other_keys(running, keys):
    keys('story.undo = "f14"\nstory.tree = "f10"\ntree.mark = "o"\ntree.compare = "c"\n'
         'plan.edit = "w"\npage.focus = "f11"\neditor.keep = "f12"\ntree.restore = "g"\n'
         'score.3 = "*"\ntree.trash = "z"\n')  # fmt: skip
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "p")
        await until(pilot, lambda: "w edits" in seen(pilot))
        assert "1 2 * 4 5" in seen(pilot)
        await pilot.press("w")
        await until(pilot, lambda: page.editor.is_open)
        assert "F12 keeps the text" in seen(pilot)
        await pilot.press("f12")
        await until(pilot, lambda: not page.editor.is_open)
        await pilot.press("f11")
        await until(pilot, lambda: "F11 shows everything again" in seen(pilot))
        await pilot.press("f11", "f10")
        await until(pilot, lambda: isinstance(app.screen, TreeScreen))
        await pilot.press("o")
        await until(pilot, lambda: "Marked. c on another" in notices(pilot))
        await pilot.press("x")
        await until(pilot, lambda: "g or F14 brings it back" in notices(pilot))
        assert "(z shows it)" in seen(pilot)
        await pilot.press("f14")
        await until(pilot, lambda: "is back" in notices(pilot))
        await pilot.press("f10")
        await until(pilot, lambda: app.screen is page)


async def test_what_is_changed_by_hand_holds_from_the_next_start_on(running, keys, place):
    keys('page.retry = "f14"\n')
    async with running((120, 40)) as (_app, pilot):
        text = place.settings_file.read_text()
        place.settings_file.write_text(text.replace("f14", "f10"))
        await until(pilot, lambda: "other keys: from the next start on" in notices(pilot))


async def test_a_taste_round_by_other_keys(running, keys, studio):
    keys('taste.first = "left"\ntaste.second = "right"\ntaste.stop = "q"\n')
    async with running((100, 30)) as (app, pilot):
        await pilot.press("escape", "f3", "t")
        await until(pilot, lambda: getattr(app.screen, "_round", None) is not None)
        a_round = app.screen._round
        await until(pilot, lambda: a_round.pair is not None)
        assert "← or →" in seen(pilot)
        await pilot.press("left")
        await until(pilot, lambda: a_round.judged == 1)
        await pilot.press("z")
        await until(pilot, lambda: "Choose with ←, →, = or the space bar" in notices(pilot))
        assert "q ends the round" in notices(pilot)
        await pilot.press("q")
        await until(pilot, lambda: "1 choice kept" in notices(pilot))
