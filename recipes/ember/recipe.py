"""What is trained, on how much of what: the numbers of the recipe."""

from __future__ import annotations

import msgspec


class Shape(msgspec.Struct, frozen=True):
    """A Llama with tied embeddings."""

    layers: int = 5
    width: int = 256
    heads: int = 4
    key_value_heads: int = 4
    feed_forward: int = 688
    vocabulary: int = 6144
    context: int = 1024  # positions that the weights are declared for


class Stage(msgspec.Struct, frozen=True):
    """One stretch of training, to the end of `minutes` or of `tokens`, whichever comes first.

    The learning rate rises over `warmup` steps, stays, and falls linearly over the last `decay`
    share of the budget. Muon (Jordan 2024; `match_rms_adamw`: Moonlight, arXiv 2502.16982) moves
    the matrices, AdamW the embeddings and norms, both at `rate`.
    """

    name: str
    window: int  # tokens a sequence
    minutes: float
    tokens: int = 10**12
    step_tokens: int = 8192
    rate: float = 3e-3
    warmup: int = 100
    decay: float = 0.0
    weight_decay: float = 0.1
    clip: float = 1.0
    seed: int = 0


# The first stage reads stories as they are; the second learns the pattern of premise, plan and
# passage; the third the whole window, while the rate falls to nothing.
PRETRAIN = Stage("pretrain", window=256, minutes=65)
PATTERN = Stage("pattern", window=512, minutes=30, seed=1)
LENGTHEN = Stage("lengthen", window=1024, minutes=25, warmup=0, decay=1.0, seed=2)

# How often a text of each source is read in one pass: what is simple and clean counts most. A
# model this small learns little from old magazines; with a GPU's budget they are worth a pass.
PLAIN_CPU = {
    "tinystories": 1.6, "snakes_child": 1.5, "snakes_bedtime": 1.0, "snakes_campfire": 0.7,
    "snakes_story": 0.8, "snakes_pairs": 0.8, "snakes_slice_of_life": 0.8, "storyweaver": 2.0,
    "african": 2.0, "fairytaleqa": 1.5, "gutenberg_tales": 1.3, "lcats_tales": 1.0, "clic": 0.35,
    "lcats": 0.0,
}  # fmt: skip
PLAIN_GPU = {**PLAIN_CPU, "clic": 1.0, "lcats": 0.5}

# Turns are learned from what is told plainly and, twice as often, from what has a true summary.
TURNS_CPU = {
    **PLAIN_CPU, "snakes_pairs": 1.6, "snakes_story": 1.0, "snakes_campfire": 0.5, "clic": 0.1,
    "gutenberg_tales": 0.9,
}  # fmt: skip
TURNS_GPU = {**TURNS_CPU, "clic": 0.5, "gutenberg_tales": 1.2}
