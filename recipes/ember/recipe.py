"""What is trained, on how much of what: the numbers of the recipe."""

from __future__ import annotations

import msgspec


class Shape(msgspec.Struct, frozen=True):
    """A Llama with tied embeddings."""

    layers: int = 5
    width: int = 224
    heads: int = 7
    key_value_heads: int = 7
    feed_forward: int = 608
    vocabulary: int = 6144
    context: int = 1024  # positions that the weights are declared for


# What a CPU can train in an evening, and learn a taste with in three minutes; and the largest whose
# half-precision weights stay within 24 MB, for a GPU.
CPU = Shape()
GPU = Shape(layers=7, width=320, heads=5, key_value_heads=5, feed_forward=864)


class Stage(msgspec.Struct, frozen=True):
    """One stretch of training, to the end of `minutes` or of `tokens`, whichever comes first.

    The learning rate rises over `warmup` steps to `rate`, stays, and falls linearly over the last
    `decay` share of the budget to the share `floor` of it. Muon moves the matrices, AdamW the
    embeddings and norms.
    """

    name: str
    window: int  # tokens a sequence
    minutes: float
    tokens: int = 10**12
    step_tokens: int = 4096
    micro_tokens: int = 2048  # at once; of larger steps the gradients are added up
    rate: float = 3e-3
    warmup: int = 50
    decay: float = 0.0
    floor: float = 0.0
    weight_decay: float = 0.1
    clip: float = 1.0
    dropout: float = 0.0  # for texts that are read many times over
    seed: int = 0


# The first stage reads stories as they are; the second learns the pattern of premise, plan and
# passage, while the rate begins to fall; the third the whole window, until it is nothing.
PRETRAIN = Stage("pretrain", window=256, minutes=55)
PATTERN = Stage("pattern", window=512, minutes=50, decay=1.0, floor=0.4, seed=1)
LENGTHEN = Stage(
    "lengthen",
    window=1024,
    minutes=15,
    rate=PATTERN.rate * PATTERN.floor,
    warmup=0,
    decay=1.0,
    seed=2,
)

# A GPU reads all texts several times over in minutes: tokens end a stage, not the clock, and a
# tenth is dropped. With twice as many the held-out loss of the turns comes to 2.105 nats instead
# of 2.117, and was 2.098 on the way; without dropout (5 x 224) it is level from 12 million on.
GPU_TOKENS = {"pretrain": 60_000_000, "pattern": 60_000_000, "lengthen": 20_000_000}


def on_gpu(stage: Stage) -> Stage:
    """The stage as a GPU goes through it: larger steps, to the end of its tokens."""
    return msgspec.structs.replace(
        stage,
        minutes=1e9,
        tokens=GPU_TOKENS[stage.name],
        step_tokens=8 * stage.step_tokens,
        micro_tokens=16 * stage.micro_tokens,
        dropout=0.1,
    )


# How often a text of each source is read in one pass: what is simple and clean counts most. A
# model this small learns little from old magazines; with a GPU's budget they are worth a pass.
PLAIN_CPU = {
    "tinystories": 1.6, "snakes_child": 1.5, "snakes_bedtime": 1.0, "snakes_campfire": 0.7,
    "snakes_story": 0.8, "snakes_pairs": 0.8, "snakes_slice_of_life": 0.8, "storyweaver": 2.0,
    "african": 2.0, "fairytaleqa": 1.5, "gutenberg_tales": 1.3, "lcats_tales": 1.0, "clic": 0.1,
    "lcats": 0.0,
}  # fmt: skip
PLAIN_GPU = {**PLAIN_CPU, "clic": 1.0, "lcats": 0.5}

# Turns are learned from what is told plainly and, twice as often, from what has a true summary.
TURNS_CPU = {
    **PLAIN_CPU, "snakes_pairs": 1.6, "snakes_story": 1.0, "snakes_campfire": 0.5, "clic": 0.0,
    "gutenberg_tales": 0.9,
}  # fmt: skip
TURNS_GPU = {**TURNS_CPU, "clic": 0.5, "gutenberg_tales": 1.2}
