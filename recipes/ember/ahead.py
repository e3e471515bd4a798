"""A stream read ahead by other processes: a GPU learns faster than one core lays out windows."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from multiprocessing.pool import AsyncResult

import numpy as np

from recipes.ember.training import Stream

Batch = tuple[np.ndarray, np.ndarray]
DEEP = 48  # batches under way

_stream: Stream | None = None  # what the workers read; they are forked with it


def _read(at: int, rows: int, window: int) -> Batch:
    assert _stream is not None
    ids, learned = _stream.batch(at, rows, window)
    return ids.astype(np.uint16), learned  # a quarter of the bytes to hand over


class Ahead:
    """`stream`, whose next batches are made by `workers` processes; the same batches as without."""

    def __init__(self, stream: Stream, workers: int) -> None:
        global _stream
        _stream = stream
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._pool = multiprocessing.get_context("fork").Pool(workers)
        self._coming = deque[tuple[int, AsyncResult[Batch]]]()

    def batch(self, at: int, rows: int, window: int) -> Batch:
        if self._coming and self._coming[0][0] != at:
            self._coming.clear()  # another place than was expected
        step = rows * window
        next_at = self._coming[-1][0] + step if self._coming else at
        while len(self._coming) < DEEP:
            asked = self._pool.apply_async(_read, (next_at, rows, window))
            self._coming.append((next_at, asked))
            next_at += step
        ids, learned = self._coming.popleft()[1].get()
        return ids.astype(np.int64), learned

    def close(self) -> None:
        self._pool.terminate()
