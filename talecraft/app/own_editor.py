"""Ctrl+E: the terminal is lent to the writer's own editor, with what stands in a text area."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.app import SuspendNotSupported
from textual.widgets import TextArea

from talecraft.app.screens.base import TalecraftScreen
from talecraft.errors import TalecraftError
from talecraft.studio import own_editor

if TYPE_CHECKING:
    from talecraft.app.app import TalecraftApp


def lend(area: TextArea) -> None:
    """Let the writer's editor work on the text of `area`; whatever goes wrong is said, and what
    was typed is on disk before."""
    app = cast("TalecraftApp", area.app)
    if isinstance(area.screen, TalecraftScreen):
        area.screen.save_draft()
    before = area.text
    try:
        program = own_editor.command()
        with own_editor.lent(before, app.studio.home) as file:
            with app.suspend():
                problem = own_editor.run(program, file)
            returned = own_editor.taken(before, file, program, problem)
    except SuspendNotSupported:
        app.say("This terminal cannot be lent to an editor.", severity="warning")
        return
    except TalecraftError as error:
        app.tell(error)
        return
    if returned.text != before:
        area.replace(returned.text, (0, 0), area.document.end)
        area.move_cursor(area.document.end)
    if returned.words:
        app.say(returned.words, severity="warning")
