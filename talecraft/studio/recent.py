"""What a model could be shown of a branch: its end, with the records of its turns, and the writer's
notes that hold there; and what it is shown in the midst of a passage."""

from __future__ import annotations

from collections.abc import Sequence

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


def shown(
    library: Library,
    story: Story,
    leaf_id: int | None,
    model: ModelRef,
    text: str = "",
    begun: str = "",
) -> list[Block]:
    """The blocks of `story` up to `leaf_id`, and of `text` that is to follow it, for `model`;
    `begun` is what is being written after it."""
    said = [Turn(leaf_id or 0, story.id, leaf_id, "writer", "", text, "")] if text else []
    before, path = recent(library, leaf_id, model.context_length, said)
    notes = library.notes.at(story.id, leaf_id)
    return context.blocks(story, path, model.style, model.key, notes, before, begun)


def recent(
    library: Library, leaf_id: int | None, window: int, said: Sequence[Turn] = ()
) -> tuple[Sequence[Turn], list[Turn]]:
    """The turns up to `leaf_id`, and what is `said` after it: those too far back, and the last ones
    that fill `window` tokens for certain, with their records.

    Of a short story these are all; of a long one only so much is read from the disk and sent to
    the engine as it could ever take in.
    """
    path = [*library.stories.path(leaf_id), *said]
    first, room = len(path), window * _CHARACTERS_A_TOKEN
    while first and room > 0:
        first -= 1
        room -= len(path[first].outline) + len(path[first].prose)
    first -= first % _STEP
    near = path[first : len(path) - len(said)]
    written = {one.id: one.generation for one in library.stories.turns([t.id for t in near])}
    near = [msgspec.structs.replace(one, generation=written[one.id]) for one in near]
    return path[:first], [*near, *said]


def in_the_midst(
    library: Library, story: Story, leaf_id: int | None, model: ModelRef, how: How, here: Place
) -> tuple[list[Block], str]:
    """What is shown of `story` up to `leaf_id` and of the passage around `here` that follows it;
    and the words of that passage that a draft goes on from."""
    head, begun = spans.cut(spans.begun(how, here))
    blocks = shown(library, story, leaf_id, model, head, begun)
    if model.style.chat:
        told = f"{blocks[0].text.rstrip()}\n\n{spans.instruction(how, here)}"
        blocks[0] = msgspec.structs.replace(blocks[0], text=told, end="")
    return blocks, begun
