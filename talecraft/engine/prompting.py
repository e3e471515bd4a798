"""What a turn is prompted with: the blocks it was asked with, in ids, as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence

from talecraft.engine.codec import Codec
from talecraft.errors import EngineError
from talecraft.process.messages import Examine, Examined, ModelRef, Stretch
from talecraft.story import window
from talecraft.story.clean import clean
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from talecraft.story.window import Window

# Room beside the budgets for the tags that the program writes and the grace of a sentence.
SPARE_TOKENS = 48
_LEAST = 16


def budget(model: ModelRef, sampling: Sampling, given: int = 0) -> int:
    """How long a prompt may be: room is left for the turn, of which `given` tokens are there
    already."""
    plan = max(given, sampling.outline_tokens)
    return model.context_length - plan - sampling.prose_tokens - SPARE_TOKENS


def prompt(
    blocks: Sequence[Block], codec: Codec, model: ModelRef, sampling: Sampling, given: int = 0
) -> Window:
    """Raises EngineError where the window is too small for the turn."""
    room = budget(model, sampling, given)
    if room < _LEAST:
        raise EngineError(
            f"{model.id} has a window of {model.context_length} tokens: too small for"
            " this plan and passage.",
            "Shorten the plan, or lower outline_tokens and prose_tokens in config.toml.",
        )
    return window.assemble(blocks, codec, room)


def examined(command: Examine, codec: Codec, model: ModelRef) -> Examined:
    """What `prompt` gives for the same blocks, or what was recorded, in words; raises alike."""
    given = len(codec.encode(command.outline))
    if command.blocks:
        made = prompt(command.blocks, codec, model, command.sampling, given)
    else:
        made = window.recorded(command.prompt_ids, command.shown)
    stretches = [
        Stretch(one.source, one.name, clean(codec.decode(one.ids)), one.ids) for one in made.pieces
    ]
    room = budget(model, command.sampling, given)
    return Examined(command.request, stretches, made.left_out, room)
