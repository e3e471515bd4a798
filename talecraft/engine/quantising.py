"""Weights of 4 and 8 bits by bitsandbytes, so that what was trained is what writes.

Engine and run load a base by the same code and change nothing of it afterwards: what peft calls
preparing (`prepare_model_for_kbit_training`) would make norms, embeddings and head float32 in one
of them, and the same adapter would then sit on another model.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor


def configuration(quantisation: str, dtype: torch.dtype) -> Any:
    """transformers' configuration of "nf4" (double quantised, computing in `dtype`) or "int8";
    None for a model that is not quantised."""
    if quantisation not in ("nf4", "int8"):
        return None
    from transformers import BitsAndBytesConfig

    if quantisation == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def quantised(base: Any) -> bool:
    """What the weights really are, whatever was asked for."""
    return getattr(base, "quantization_method", None) is not None


def name(base: Any, asked: str) -> str:
    """What the weights of a model that writes really are: "none", what was `asked` for, or
    llama.cpp's name of it."""
    own: str | None = getattr(base, "quantised_as", None)
    return own or (asked if quantised(base) else "none")


def repair(base: Any) -> None:
    """Make quantised layers on a CPU compute what they learn from; others are left alone.

    4 bits: bitsandbytes packs weights on CPUs with AVX512-BF16 at the first generation; the packed
    path has no autograd kernel, and from then on every gradient below it is silently wrong
    (LEARNING 0.1). 8 bits: in evaluation it rounds activations to 8 bits as well, in training
    not, so that the page would write with another function than the one that learned; and the
    rounding is of no use where there is no fast 8-bit product.
    """
    if not quantised(base):
        return
    import bitsandbytes as bnb

    for module in base.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
        elif type(module) is bnb.nn.Linear8bitLt and module.weight.device.type == "cpu":
            module.__class__ = _exact()


@cache
def _exact() -> type:
    """bitsandbytes' 8-bit layer without the rounding of activations. Made here: importing
    bitsandbytes takes a second, and 70 MB that a model without it does not need."""
    import bitsandbytes as bnb

    class ExactLinear8bit(bnb.nn.Linear8bitLt):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Tensor:
            if self.weight.CB is not None:
                self.init_8bit_state()
                self.weight.data = self.state.CB
            self.state.is_training = True  # its name for: by the weights as they are
            made: Tensor = bnb.matmul(x, self.weight, bias=self.bias, state=self.state)
            return made

    return ExactLinear8bit
