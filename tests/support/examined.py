"""What engines without a tokeniser say of a prompt: a token a word."""

from __future__ import annotations

from talecraft.process.messages import Examine, Examined, Failed, Stretch
from talecraft.story.clean import clean
from talecraft.story.turns import LeftOut

BUDGET = 712


def examined(command: Examine) -> Examined | Failed:
    """PROMPTFAIL in the story refuses it."""
    shown = [one for one in command.blocks if not one.left]
    if any("PROMPTFAIL" in one.text for one in shown):
        return Failed(command.request, "The window is [/b] small.", "Choose another.")
    stretches = [
        Stretch(one.source, one.name, clean(one.text), list(range(len(one.text.split()))))
        for one in shown
    ]
    if not command.blocks:
        stretches = [Stretch("text", "", "What it was shown then.", command.prompt_ids)]
    left = [
        LeftOut(one.source, one.name, len(one.text.split()), one.left)
        for one in command.blocks
        if one.left
    ]
    return Examined(command.request, stretches, left, BUDGET)
