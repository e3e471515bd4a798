"""The table of the simulated writers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def write(cells: Sequence[Any], code: str) -> None:
    print(len(cells), "cells done", code)
