"""Memory while a model is loaded, and the holes that its tensors leave in the heap."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# glibc's numbers for mallopt (malloc.h), and the highest values its own adjusting ever comes to.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_OWN_PAGES, _HIGHEST = 2**20, 32 * 2**20


@contextmanager
def frugally(ever_after: bool) -> Iterator[None]:
    """Inside, a model is loaded a tensor at a time, and nothing else of its files stays in memory.

    transformers maps the files: of a quantised model all pages of the 16-bit one would stay mapped.
    And glibc keeps what tensors needed for a while as holes in its heap, among what lives longer:
    loading 300 M weights as nf4 left 0.5 GB of them, a training step of the result as much as
    it needed. Blocks of a megabyte and more therefore get pages of their own, which go back when
    they are freed: `ever_after`, or only in here. A small model's steps are a seventh faster
    without; a large one's can not be told apart.
    """
    from transformers import modeling_utils

    mapped = modeling_utils.safe_open

    def read(filename: Any, framework: str, device: Any = "cpu", **_: Any) -> Any:
        return mapped(filename, framework=framework, device=device, backend="pread")

    modeling_utils.safe_open = read
    give_back()
    try:
        yield
    finally:
        modeling_utils.safe_open = mapped
        if not ever_after:
            _heap(_MMAP_THRESHOLD, _HIGHEST)
            _heap(_TRIM_THRESHOLD, 2 * _HIGHEST)


def give_back() -> None:
    """From now on large blocks go back to the system as soon as they are free."""
    _heap(_MMAP_THRESHOLD, _OWN_PAGES)


def trim() -> None:
    """What is free in the heap now goes back to the system, in glibc."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _heap(option: int, value: int) -> None:
    """Tell glibc's heap; another C library has no such thing."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(option, value)
