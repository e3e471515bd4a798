"""The end of a branch, as much of it as a model could be shown, with the records of its turns; and
what it is shown in the midst of a passage."""

from __future__ import annotations

import msgspec

from talecraft.library import Library
from talecraft.process.messages import ModelRef
from talecraft.story import context, spans
from talecraft.story.context import Block
from talecraft.story.spans import How, Place
from talecraft.story.turns import Story, Turn

# More than any tokeniser makes of prose: what is left out here would never fit the window.
_CHARACTERS_A_TOKEN = 16
# The beginning moves in steps, so that the engine's cache mostly stays as it is.
_STEP = 32


def recent(library: Library, leaf_id: int | None, window: int) -> list[Turn]:
    """The last turns up to `leaf_id` that fill `window` tokens for certain.

    Of a short story these are all; of a long one only so much is read from the disk and sent to
    the engine as it could ever take in.
    """
    path = library.stories.path(leaf_id)
    first, room = len(path), window * _CHARACTERS_A_TOKEN
    while first and room > 0:
        first -= 1
        room -= len(path[first].outline) + len(path[first].prose)
    shown = path[first - first % _STEP :]
    written = {one.id: one.generation for one in library.stories.turns([t.id for t in shown])}
    return [msgspec.structs.replace(one, generation=written[one.id]) for one in shown]


def in_the_midst(
    library: Library, story: Story, leaf_id: int | None, model: ModelRef, how: How, here: Place
) -> tuple[list[Block], str]:
    """What is shown of `story` up to `leaf_id` and of the passage around `here` that follows it;
    and the words of that passage that a draft goes on from."""
    path = recent(library, leaf_id, model.context_length)
    shown = context.blocks(story, path, model.style, model.key)
    head, begun = spans.cut(spans.begun(how, here))
    if head:
        shown.append(Block(f"{model.style.story_open}{head}\n"))
    if model.style.chat:
        shown[0] = Block(f"{shown[0].text.rstrip()}\n\n{spans.instruction(how, here)}")
    return shown, begun
