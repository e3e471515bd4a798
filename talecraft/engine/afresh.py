"""Compiled code that was damaged where it is kept is made anew."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

_Made = TypeVar("_Made")


def afresh(use: Callable[[], _Made]) -> _Made:
    """What `use` of the kernels gives; where it fails, what it gives by code compiled anew, for
    code that is damaged raises whatever its reader does. The second failure is raised."""
    try:
        return use()
    except MemoryError:
        raise
    except Exception:
        logging.getLogger(__name__).exception("kernels are compiled anew")
        folder = kept()
        for file in folder.glob("kernels.*.nb[ci]"):
            file.unlink(missing_ok=True)
        return use()


def kept() -> Path:
    """The folder of the kernels' compiled code."""
    from talecraft.engine import kernels

    return Path(cast(Any, kernels.multiply).stats.cache_path)
