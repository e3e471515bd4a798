"""llama.cpp's C interface as far as the engine needs it: read ids, give logits, forget, lean on an
adapter. Everything that is ctypes is here.

Positions, not slots, say where an id stands: what is read at a place that is taken takes its place.
"""

from __future__ import annotations

import ctypes
import logging
import re
import weakref
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from talecraft.errors import DoesNotFit, EngineError

SEQUENCES = 32  # at once: the page's, and rows of drafts before and after they are sorted out
AT_ONCE = 512  # ids in a call
OLDEST = (0, 3, 36)  # of llama-cpp-python
_LEVELS = {2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_LOG = logging.getLogger("llama.cpp")


def installed() -> bool:
    """Is llama-cpp-python there, and no older than what is written for?"""
    try:
        version = metadata.version("llama-cpp-python")
    except metadata.PackageNotFoundError:
        return False
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    return found is not None and tuple(map(int, found.groups())) >= OLDEST


class Place(NamedTuple):
    """An id at a position of a sequence; `asked` is whether its logits are wanted."""

    token: int
    sequence: int
    position: int
    asked: bool


@cache
def _library() -> tuple[Any, Any]:
    """llama_cpp, its log sent to ours; the callback is kept, as C goes on to call it. Raises
    EngineError where it is there and cannot be loaded."""
    try:
        import llama_cpp
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            f"llama-cpp-python cannot be loaded ({error}).", "Install it anew."
        ) from error

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator,unused-ignore]
    def heard(level: int, text: bytes, _: Any) -> None:
        if level in (3, 4):
            _LOG.log(_LEVELS[level], "%s", text.decode(errors="replace").rstrip())

    llama_cpp.llama_log_set(heard, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    return llama_cpp, heard


class Native:
    """A GGUF model with one memory that several sequences share."""

    def __init__(self, file: Path, capacity: int, exact: bool, threads: int) -> None:
        """`capacity` is in tokens, over all sequences; with `exact` keys and values are float32.

        Raises EngineError for a file that is none, DoesNotFit where memory runs out.
        """
        self._c, _ = _library()
        c = self._c
        params = c.llama_model_default_params()
        params.n_gpu_layers = -1 if c.llama_supports_gpu_offload() else 0
        model = c.llama_model_load_from_file(str(file).encode(), params)
        if not model:
            raise EngineError(f"llama.cpp cannot read {file}.", "Details are in engine.log.")
        self._model = model
        weakref.finalize(self, c.llama_model_free, model)
        wanted = c.llama_context_default_params()
        wanted.n_ctx, wanted.n_batch, wanted.n_ubatch = capacity, AT_ONCE, AT_ONCE
        wanted.n_seq_max, wanted.kv_unified, wanted.swa_full = SEQUENCES, True, True
        wanted.n_threads = wanted.n_threads_batch = threads
        wanted.type_k = wanted.type_v = c.GGML_TYPE_F32 if exact else c.GGML_TYPE_F16
        if exact:
            wanted.flash_attn_type = c.LLAMA_FLASH_ATTN_TYPE_DISABLED
        context = c.llama_init_from_model(model, wanted)
        if not context:
            raise DoesNotFit(
                f"llama.cpp finds no room for {capacity} tokens of {file.name}.",
                "Close other programs, or lower the model's context_length.",
            )
        self._context = context
        # Before the model: finalizers run in the reverse of their order.
        weakref.finalize(self, c.llama_free, context)
        self._memory = c.llama_get_memory(context)
        self._batch = c.llama_batch_init(AT_ONCE, 0, 1)
        weakref.finalize(self, c.llama_batch_free, self._batch)
        self.vocabulary = int(c.llama_vocab_n_tokens(c.llama_model_get_vocab(model)))
        self.on_gpu = bool(c.llama_supports_gpu_offload())
        self._free = list(range(SEQUENCES))
        self._adapter: Any = None

    # ------------------------------------------------------------------ sequences
    def take(self) -> int:
        """An empty sequence. Raises EngineError where all are in use."""
        if not self._free:
            raise EngineError("llama.cpp writes too many texts at once.")
        return self._free.pop()

    def give_back(self, sequences: Sequence[int]) -> None:
        for one in sequences:
            self.cut(one, 0)
            self._free.append(one)

    def cut(self, sequence: int, length: int) -> None:
        """Keep its first `length` ids."""
        self._c.llama_memory_seq_rm(self._memory, sequence, length, -1)

    def copy(self, sequence: int) -> int:
        """Another sequence of the same ids; they are held once."""
        made = self.take()
        self._c.llama_memory_seq_cp(self._memory, sequence, made, -1, -1)
        return made

    # ------------------------------------------------------------------ reading
    def read(self, places: Sequence[Place]) -> Tensor:
        """The logits (asked for, vocabulary), float32, in the order of `places`.

        Raises DoesNotFit where the shared memory is full, EngineError where llama.cpp fails.
        """
        found = [self._read(places[at : at + AT_ONCE]) for at in range(0, len(places), AT_ONCE)]
        return torch.cat(found) if found else torch.empty(0, self.vocabulary)

    def _read(self, places: Sequence[Place]) -> Tensor:
        batch = self._batch
        batch.n_tokens = len(places)
        for i, one in enumerate(places):
            batch.token[i], batch.pos[i] = one.token, one.position
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, one.sequence
            batch.logits[i] = one.asked
        code = self._c.llama_decode(self._context, batch)
        if code == 1:
            raise DoesNotFit(
                "llama.cpp has no room left for these tokens.",
                "Ask for fewer at once, or raise the model's context_length.",
            )
        if code:
            raise EngineError(f"llama.cpp failed (code {code}).", "Details are in engine.log.")
        asked = [i for i, one in enumerate(places) if one.asked]
        found = torch.empty(len(asked), self.vocabulary)
        for row, i in enumerate(asked):
            at = self._c.llama_get_logits_ith(self._context, i)
            found[row] = torch.from_numpy(np.ctypeslib.as_array(at, (self.vocabulary,)))
        return found

    # ------------------------------------------------------------------ adapters
    def lean_on(self, adapter: Path | None) -> None:
        """Read on with this adapter (GGUF), or with none; what was read before stays as it is.
        Raises EngineError for one that does not fit."""
        c, before = self._c, self._adapter
        made = None
        if adapter is not None:
            made = c.llama_adapter_lora_init(self._model, str(adapter).encode())
            if not made:
                raise EngineError(
                    "llama.cpp cannot read the adapter.", "Details are in engine.log."
                )
        if made is None:
            c.llama_set_adapters_lora(self._context, None, 0, None)
        else:
            adapters = (c.llama_adapter_lora_p_ctypes * 1)(made)
            c.llama_set_adapters_lora(self._context, adapters, 1, (ctypes.c_float * 1)(1.0))
        self._adapter = made
        if before is not None:
            c.llama_adapter_lora_free(before)


def requantise(source: Path, target: Path, kind: str, threads: int) -> None:
    """A GGUF of 16 bits as one of "Q8_0" or "Q4_K_M". Raises EngineError."""
    c, _ = _library()
    params = c.llama_model_quantize_default_params()
    params.ftype, params.nthread = getattr(c, f"LLAMA_FTYPE_MOSTLY_{kind}"), threads
    if c.llama_model_quantize(str(source).encode(), str(target).encode(), params):
        target.unlink(missing_ok=True)
        raise EngineError(f"llama.cpp cannot write {target} as {kind}.", "Is the disk full?")
