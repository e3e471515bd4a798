"""In what precision a model computes where its entry leaves that to the machine.

Pure: the engine decides by it, and the estimate of the memory that is needed foresees it.
"""

from __future__ import annotations

from typing import Literal, cast, get_args

from talecraft.errors import UsageError
from talecraft.story.clean import clean_line

# "none": not quantised, in the precision that suits the machine.
Quantisation = Literal["none", "nf4", "int8", "bf16", "fp32"]
Precision = Literal["float32", "bfloat16"]
BYTES: dict[Precision, int] = {"float32": 4, "bfloat16": 2}

# Weights. A model this small is bound by overhead, not by reading them: full precision costs
# nothing (SPEED, table 1).
SMALL = 50e6
# A CPU that only imitates bfloat16 multiplies in it at a fourteenth of float32's speed (6 and 85
# GFLOP/s a core, measured), which up to here is worth twice the memory.
MOST_IMITATED = 1e9


def precision(quantisation: str, device: str, weights: float, native: bool) -> Precision:
    """What a model of so many `weights` computes in on `device` ("cpu", or torch's name of a GPU).

    "fp32" and "bf16" are what they say. Otherwise (not quantised, or the layers that a quantised
    model has beside its quantised ones) bfloat16 on a GPU; on a CPU float32 for small models, and
    up to MOST_IMITATED where it has no bfloat16 of its own (`native`, see LEARNING 3).
    """
    if quantisation == "fp32":
        return "float32"
    if quantisation == "bf16" or device != "cpu":
        return "bfloat16"
    full = weights < SMALL or (not native and weights <= MOST_IMITATED)
    return "float32" if full else "bfloat16"


def known(quantisation: str) -> Quantisation:
    """What was typed as a quantisation. Raises UsageError."""
    names = get_args(Quantisation)
    if quantisation not in names:
        named = clean_line(quantisation)
        raise UsageError(f"'{named}' is not a quantisation.", f"Use one of: {', '.join(names)}.")
    return cast(Quantisation, quantisation)
