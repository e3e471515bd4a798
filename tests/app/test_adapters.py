"""The tree of adapters: names, notes, figures, deleting, and taking one into use."""

from __future__ import annotations

import msgspec
import pytest

from talecraft.app.screens.training import TrainingScreen
from talecraft.app.widgets.adapters import AdapterList
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.process import adapter_files, run_events
from talecraft.process.run_events import Check, TasteLearned
from tests.app.conftest import notices, options, outcome, seen, static, until


def adapter(studio, number: int, parent: str | None = None, state: str = "candidate") -> str:
    """An adapter with files and a run, as the gate left it; one not rejected writes now."""
    folder = studio.home.adapters / f"draft-{number}"
    folder.mkdir(parents=True)
    for file in adapter_files.FILES:
        (folder / file).write_text(f"{number}")
    files = adapter_files.checksums(folder)
    name = adapter_files.content_id(files)
    folder.rename(studio.home.adapters / name)
    ended = msgspec.structs.replace(
        outcome("rejected" if state == "rejected" else "adopted"),
        checks=[
            Check("win", 0.72, "b", state != "rejected", "long words", 0.64, 0.79),
            Check("kl", 5.1, "b", True, "long words"),
            Check("perplexity", 1.04, "b", True, "long words"),
            Check("length", 0.1, "b", True, "not shown where it held"),
            Check("form", 0.1, "b", state != "rejected", "It ends fewer [/passages]."),
        ],
    )
    run = f"20261119-2100{number:02}-beef"
    studio.library.runs.add(TrainingRun(run, "ppo", studio.model.id, parent, 1, "{}", 7, "running"))
    studio.library.runs.end(run, ended.state, msgspec.json.encode(ended).decode())
    (studio.home.runs / run).mkdir(parents=True)
    taste = TasteLearned(61, 13, 400, 0.71, 0.64, 0.78, True, "You like dialogue.")
    (studio.home.runs / run / "events.jsonl").write_bytes(run_events.encode(taste) + b"\n")
    studio.library.adapters.add(
        Adapter(
            name, studio.model.id, studio.model.revision, parent, run, name, files,
            state, msgspec.json.encode(ended).decode(),  # type: ignore[arg-type]
        )
    )  # fmt: skip
    if state != "rejected":
        studio.library.adapters.activate(studio.model.id, name)
    return name


@pytest.fixture
def made(studio) -> list[str]:
    """The first, a rejected one and the second after it; the second writes."""
    first = adapter(studio, 1)
    return [first, adapter(studio, 2, first, "rejected"), adapter(studio, 3, first)]


async def shown(app, pilot) -> AdapterList:
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
    await pilot.press("a")
    await pilot.pause()
    found = app.screen.query_one(AdapterList)
    assert found.has_focus
    return found


async def test_the_tree_and_the_figures_of_what_is_highlighted(running, studio, made):
    studio.adapters.note(made[2], "Too much [/salt].")
    async with running((120, 50)) as (app, pilot):
        listed = await shown(app, pilot)
        lines = [line.split(" · ")[0] for line in options(pilot, "#adapters")]
        assert lines == [
            "○ Llama Ember (bundled) as it came",
            f"○ {made[0][:8]}  wrote before",
            f"├─✗ {made[1][:8]}  not adopted",
            f"● {made[2][:8]}  writes now",
        ]
        assert listed.highlighted == 3, "the one that writes"
        words = static(pilot, "#adapter-words")
        for part in (
            "● writes now", f"Took over from {made[0][:8]}.", "has written nothing yet",
            "Note: Too much [/salt].", "Learned from 61 opinions in 13 stories; orders 71%",
            "✓ 72% of what changed is better (90 % sure: 64% to 79%)", "✓ 5.1 nats", "✓ 1.04 times",
        ):  # fmt: skip
            assert part in words
        assert "not shown" not in words
        await pilot.press("up")
        await until(pilot, lambda: "✗ not adopted" in static(pilot, "#adapter-words"))
        words = static(pilot, "#adapter-words")
        assert f"Was compared with {made[0][:8]}." in words
        assert "✗ 72% of what changed is better" in words
        assert "✗ It ends fewer [/passages]." in words


@pytest.mark.parametrize("size", [(120, 40), (80, 30)])
async def test_the_figures_of_what_is_highlighted_are_in_view(running, studio, made, size):
    """Also where the outcome above takes the whole screen, and after one adapter has had less to
    tell than the next; and after a roll-back, when all above has another height."""
    studio.adapters.note(made[2], "Too much salt.")
    async with running(size) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "1.04 times" in seen(pilot))
        assert "Note: Too much salt." in seen(pilot)
        await pilot.press("up", "up", "up")
        await until(pilot, lambda: "With nothing learned from you." in seen(pilot))
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "1.04 times" in seen(pilot))
        await pilot.press("b", "y")
        await until(pilot, lambda: f"● {made[0][:8]}" in seen(pilot))
        assert app.screen.query_one(AdapterList).has_focus


async def test_an_outcome_says_what_became_of_its_adapter(running, studio, made):
    last = studio.library.runs.list()[0]
    studio.library.runs.end(last.id, "adopted", last.outcome, adapter=made[2])
    async with running((120, 50)) as (app, pilot):
        await pilot.press("f3")
        await until(pilot, lambda: "✓ Adopted" in seen(pilot))
        assert "Since then" not in seen(pilot)
        await pilot.press("b", "y")
        words = f"Since then: adapter {made[2][:8]} is not in use; adapter {made[0][:8]} writes."
        await until(pilot, lambda: words in seen(pilot))
        studio.adapters.delete(made[2])
        app.screen.run_changed()
        await until(pilot, lambda: f"{made[2][:8]} was deleted; adapter" in seen(pilot))


async def test_a_name_and_a_note_are_given_and_taken_away(running, studio, made):
    async with running((100, 40)) as (app, pilot):
        await shown(app, pilot)
        await pilot.press("n", *"harbour", "enter")
        await until(pilot, lambda: f"● harbour {made[2][:8]}" in seen(pilot))
        assert studio.library.adapters.get("harbour").id == made[2]
        await pilot.press("o", *"salty", "enter")
        await until(pilot, lambda: "Note: salty" in seen(pilot))
        await pilot.press("up", "up", "n", *"Harbour", "enter")
        await until(pilot, lambda: "called 'Harbour' already" in notices(pilot))
        await pilot.press("down", "down", "n", "delete", "enter")
        await until(pilot, lambda: f"● {made[2][:8]}" in seen(pilot))
        await pilot.press("n", *"other", "escape")
        await pilot.pause()
        assert studio.library.adapters.get(made[2]).name == ""


async def test_delete_asks_first_and_never_takes_what_writes(running, studio, made):
    folder = studio.home.adapters / made[1]
    async with running((100, 40)) as (app, pilot):
        await shown(app, pilot)
        assert "Delete" not in seen(pilot)
        await pilot.press("delete")
        await until(pilot, lambda: "It is the one that writes." in notices(pilot))
        await pilot.press("up")
        await until(pilot, lambda: "Delete" in seen(pilot).splitlines()[-1])
        await pilot.press("d", "n")
        await pilot.pause()
        assert folder.exists()
        await pilot.press("delete", "y")
        await until(pilot, lambda: made[1][:8] not in "".join(options(pilot, "#adapters")))
        assert not folder.exists()
        assert (studio.home.adapters / made[2]).exists()


async def test_the_bare_model_and_the_deleted_say_why_a_key_does_nothing(running, studio, made):
    studio.adapters.delete(made[0])
    async with running((100, 40)) as (app, pilot):
        await shown(app, pilot)
        assert options(pilot, "#adapters")[1].startswith(f"· {made[0][:8]}  deleted")
        await pilot.press("home", "n")
        await until(pilot, lambda: "the model as it came; choose an adapter" in notices(pilot))
        await pilot.press("down", "enter")
        await until(pilot, lambda: "It was deleted; it stands here because" in notices(pilot))
        assert studio.library.adapters.active(studio.model.id).id == made[2]
        await pilot.press("b")
        await pilot.pause()
        assert "Roll back to the bare model?" in seen(pilot), "past the deleted one"


async def test_an_adapter_is_taken_into_use_by_enter(running, studio, made):
    studio.adapters.name(made[0], "harbour")
    async with running((100, 40)) as (app, pilot):
        listed = await shown(app, pilot)
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: app.studio.loaded.adapter_id == made[0])
        assert "From the next passage on adapter harbour writes." in notices(pilot)
        await until(pilot, lambda: "● harbour" in seen(pilot))
        assert listed.highlighted == 1
        await pilot.press("down", "enter")
        await until(pilot, lambda: "did not pass its test" in notices(pilot))
        assert studio.library.adapters.active(studio.model.id).id == made[0]


async def test_the_one_that_writes_is_in_view_in_a_long_history(running, studio):
    parent = None
    for number in range(30):
        parent = adapter(studio, number, parent)
    async with running((80, 24)) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: f"● {parent[:8]}" in seen(pilot))
