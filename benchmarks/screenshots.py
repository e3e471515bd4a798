"""`make screenshots`: the real program with the real model, driven by keys, as SVG.

A simulated writer gives the scores; everything on the pictures is what the program really showed.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from talecraft.app.app import TalecraftApp
from talecraft.app.widgets.context import ContextList
from talecraft.app.widgets.pair import PairView
from talecraft.app.widgets.run_plan import RunPlan
from talecraft.config.assets import reference
from talecraft.paths import Home, private_folder, private_write
from talecraft.story.feedback import Feedback
from talecraft.story.notes import Entry
from talecraft.studio import Studio, simulated
from talecraft.studio.waiting import Inbox

FOLDER = Path(__file__).parents[1] / "screenshots"
SIZE = (120, 36)
STORIES, TURNS = 12, 10
MINUTES = 8


def write_and_score(home: Home) -> None:
    """A shelf of stories with scores, so that there is something to learn from."""
    private_folder(home.config)
    private_write(home.settings_file, b"[training]\nseed = 1\n")
    inbox = Inbox()
    with Studio(inbox.put, home) as studio:
        studio.start_engine()
        turns = []
        for number, premise in enumerate(reference("prompt")[:STORIES]):
            story = studio.writing.new_story(premise)
            for i in range(TURNS):
                request = studio.writing.continue_story(story.id, seed=number * 100 + i)
                turns.append(inbox.written(request, lambda event: None).turn)
        stars = simulated.grade([simulated.dialogue(turn.prose) for turn in turns], 0.15, seed=1)
        studio.writing.score_many(
            [Feedback(0, t.id, "stars", s) for t, s in zip(turns, stars, strict=True)]
        )


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the screen did not come to show what was waited for")
        await asyncio.sleep(0.02)


async def shoot(home: Home) -> None:
    app = TalecraftApp(lambda listener: Studio(listener, home))
    async with app.run_test(size=SIZE) as pilot:

        def save(name: str) -> None:
            app.save_screenshot(f"{name}.svg", str(FOLDER))

        def steps() -> int:
            return len(app.run_watch.steps) if app.run_watch is not None else 0

        def passages() -> int:
            """Of the newest story. A passage may come and be over between two looks."""
            stories = app.studio.library.stories
            return len(stories.path(stories.list()[0].leaf_id))

        await until(lambda: app.phase.phase == "ready")
        await pilot.pause()
        save("library")
        await pilot.press("n")
        await pilot.pause()
        save("new-story")
        await pilot.press(
            *"A lighthouse keeper finds a bottle with a very small ship in it", "enter"
        )
        await until(lambda: passages() == 1 and app.live is None)
        await pilot.press(*"The ship had a name, and the name was hers.", "enter")
        await until(lambda: passages() == 3 or (app.live is not None and len(app.live.prose) > 80))
        await asyncio.sleep(0.15)  # the engine is some words ahead of what is painted
        save("writing")
        await until(lambda: passages() == 3 and app.live is None)
        note(app.studio)
        await pilot.press("f6")
        await until(lambda: bool(app.screen.query_one(ContextList).rows))
        await pilot.pause()
        save("context")
        await pilot.press("escape", "f3")
        await until(lambda: app.screen.query_one(RunPlan).knows_taste)
        await pilot.pause()
        save("training-plan")
        await pilot.press("t")
        for key in ("a", "b", "a"):
            await until(lambda: _pair_waits(app))
            await pilot.press(key)
        await until(lambda: _pair_waits(app))
        await pilot.pause()
        save("taste-round")
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("f3")
        await until(lambda: "Press s to start." in str(app.screen.query_one(RunPlan).visual))
        await pilot.press("s")
        await until(lambda: steps() >= 8, MINUTES * 60)
        await pilot.pause()
        save("training-live")
        await until(lambda: app.run_watch is None, MINUTES * 60)
        await asyncio.sleep(1)
        await pilot.pause()
        save("outcome")
        await pilot.press("escape", "f1")
        await pilot.pause()
        save("help")


def note(studio: Studio) -> None:
    """What a writer may have written down beside the newest story."""
    story, book = studio.library.stories.list()[0].id, studio.notebook
    book.remember(story, "It is the winter of 1887. Nobody else lives on the island.")
    book.tell_model(story, "Keep it quiet, and let the sea be heard.", 1)
    book.keep(story, Entry("The ship", "no longer than a thumb, and its lamps are lit"))
    book.keep(story, Entry("The mill", "It burned down before the story begins."))


def _pair_waits(app: TalecraftApp) -> bool:
    return any(view.display for view in app.screen.query(PairView))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        home = Home(base / "data", base / "config", base / "cache", base / "logs")
        write_and_score(home)
        asyncio.run(shoot(home))


if __name__ == "__main__":
    main()
