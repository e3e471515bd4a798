"""A changed setting, in force at once: colours, measure, plan, model, goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.screen import ModalScreen

from talecraft.app.keymap import hint
from talecraft.config.entries import Entry, find
from talecraft.config.presets import AS_SETTINGS
from talecraft.config.settings import Settings
from talecraft.errors import TalecraftError
from talecraft.story.turns import Story

if TYPE_CHECKING:
    from talecraft.app.app import TalecraftApp


def prefer(app: TalecraftApp, entry: Entry, text: str | None) -> bool:
    """Set what was typed (None: the default), or say why not; True where it holds now."""
    return _changing(app, lambda: app.studio.preferences.put(entry, text))


def look(app: TalecraftApp) -> None:
    """Take in what was written into config.toml by hand, or say why it cannot be read."""
    _changing(app, app.studio.preferences.refresh)


def watch(app: TalecraftApp) -> None:
    """Look where the file was changed by another hand, unless something is just being asked."""
    # The terminal itself may have lost the focus: to the editor in which the file is changed.
    typing = isinstance(app.screen, ModalScreen) or bool(app.screen.query(".-editing"))
    if not typing and app.studio.preferences.stale():
        look(app)


def _changing(app: TalecraftApp, change: Callable[[], bool]) -> bool:
    before = app.studio.settings
    try:
        by_hand = change()
    except TalecraftError as error:
        app.tell(error)
        return False
    finally:
        _take(app, before)  # also where a hand in the file was in the way: what it wrote holds
    if by_hand and app.studio.settings != before:
        key = hint("app.settings", "F5")
        app.say(f"config.toml was changed; {key} says from when on what holds.", "Settings")
    return True


def _take(app: TalecraftApp, before: Settings) -> None:
    page, was = app.studio.settings.page, before.page
    if app.studio.settings == before:
        return
    if page.theme in app.available_themes:
        app.theme = page.theme
    else:
        app.say(f"There is no theme '{page.theme}'; the colours stay.", "Theme", "warning")
    if page.show_outline != was.show_outline:
        app.show_outline = page.show_outline
    app.notifies = page.notify
    if (page.plain, app.studio.settings.keymap) != (was.plain, before.keymap):
        app.say("Words instead of drawings, and other keys: from the next start on.")
    try:
        app.studio.settings_changed(before)
    except TalecraftError as error:
        app.tell(error)
    app.counts.refresh()
    for screen in app._screens():
        if screen.is_mounted:  # else it reads them when it is
            screen.settings_changed()
    app.refresh_status()


def ask_goal(app: TalecraftApp) -> None:
    """The words dialog: what was written so far, and how many a day to aim at."""
    from talecraft.app.screens.dialogs import AskName

    entry = find("page.goal")

    def refusal(text: str) -> str:
        try:
            app.studio.preferences.check(entry, text or "0")
        except TalecraftError as error:
            return error.message
        return ""

    def answered(text: str | None) -> None:
        if text is not None:
            prefer(app, entry, text.strip() or "0")

    cancel = hint("dialog.cancel", "Esc")
    app.push_screen(
        AskName(
            "How many words of your own a day?",
            str(app.studio.settings.page.goal or ""),
            limit=7,
            optional=True,
            hint=f"{app.counts.story}\n\nEnter keeps it; 0: no goal. {cancel} leaves it as it was.",
            refusal=refusal,
        ),
        answered,
    )


def choose_preset(app: TalecraftApp, story: Story) -> None:
    """Ask by which preset words are drawn in `story`, and draw by it from the next passage on."""
    from talecraft.app.screens.dialogs import Choose

    drawing = app.studio.drawing
    try:
        drawing.presets.refresh()
    except TalecraftError as error:
        app.tell(error)
    about = {name: preset.about or preset.words for name, preset in drawing.presets.items()}
    about.pop(AS_SETTINGS, None)
    now = drawing.of(story)

    def chosen(name: str | None) -> None:
        if name is None:
            return
        try:
            drawing.use(story.id, "" if name == AS_SETTINGS else name)
        except TalecraftError as error:
            app.tell(error)
            return
        how = name if name == AS_SETTINGS else f"by the preset {name}"
        app.say(f"From the next passage on words are drawn {how}.")
        for screen in app._screens():
            screen.reload()

    choices = [AS_SETTINGS, *about]
    question = "How are words drawn in this story?"
    app.push_screen(
        Choose(
            question, choices, now.id if now is not None else AS_SETTINGS, lambda _: None, about
        ),
        chosen,
    )
