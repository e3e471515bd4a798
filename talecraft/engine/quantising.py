"""Weights of 4 and 8 bits by bitsandbytes, so that what was trained is what writes.

Engine and run load a base by the same code and change nothing of it afterwards: what peft calls
preparing (`prepare_model_for_kbit_training`) would make norms, embeddings and head float32 in one
of them, and the same adapter would then sit on another model.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

# glibc's numbers for mallopt (malloc.h), and the highest values its own adjusting ever comes to.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_OWN_PAGES, _HIGHEST = 2**20, 32 * 2**20


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


def repair(base: Any) -> None:
    """Make quantised layers on a CPU compute what they learn from; others are left alone.

    4 bits: bitsandbytes packs weights on CPUs with AVX512-BF16 at the first generation; the packed
    path has no autograd kernel, and from then on every gradient below it is silently wrong
    (LEARNING 0.1). 8 bits: in evaluation it rounds activations to 8 bits as well, in training
    not, so that the page would write with another function than the one that learned; and the
    rounding is of no use where there is no fast 8-bit product.
    """
    if getattr(base, "quantization_method", None) is None:
        return
    import bitsandbytes as bnb

    for module in base.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
        elif type(module) is bnb.nn.Linear8bitLt and module.weight.device.type == "cpu":
            module.__class__ = _exact()


def _exact() -> type:
    """bitsandbytes' 8-bit layer without the rounding of activations. Made here: importing
    bitsandbytes takes a second, and 70 MB that a model without it does not need."""
    import bitsandbytes as bnb

    global _EXACT
    if _EXACT is None:

        class ExactLinear8bit(bnb.nn.Linear8bitLt):  # type: ignore[misc]
            def forward(self, x: Tensor) -> Tensor:
                if self.weight.CB is not None:
                    self.init_8bit_state()
                    self.weight.data = self.state.CB
                self.state.is_training = True  # its name for: by the weights as they are
                made: Tensor = bnb.matmul(x, self.weight, bias=self.bias, state=self.state)
                return made

        _EXACT = ExactLinear8bit
    return _EXACT


_EXACT: type | None = None


@contextmanager
def frugally() -> Iterator[None]:
    """Inside, a model is loaded a tensor at a time, and nothing else of its files stays in memory.

    transformers maps the files: of a quantised model all pages of the 16-bit one stay mapped.
    And glibc keeps what each tensor needed for a while as holes in its heap, some times the
    quantised model's size. Large blocks get pages of their own in here, afterwards as ever.
    """
    from transformers import modeling_utils

    mapped = modeling_utils.safe_open

    def read(filename: Any, framework: str, device: Any = "cpu", **_: Any) -> Any:
        return mapped(filename, framework=framework, device=device, backend="pread")

    modeling_utils.safe_open = read
    _heap(_MMAP_THRESHOLD, _OWN_PAGES)
    try:
        yield
    finally:
        modeling_utils.safe_open = mapped
        _heap(_MMAP_THRESHOLD, _HIGHEST)
        _heap(_TRIM_THRESHOLD, 2 * _HIGHEST)


def _heap(option: int, value: int) -> None:
    """Tell glibc's heap; another C library has no such thing."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(option, value)
