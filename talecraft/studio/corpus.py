"""Texts made into data to learn from, by a child: the page never opens such files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from talecraft.paths import Home, private_folder, private_new
from talecraft.process import corpus
from talecraft.process.corpus import Counted, IdfOrder, Working
from talecraft.studio import foreign

NAME_TEXTS = "Name a file or a folder of texts."


def idf(
    home: Home,
    source: Path,
    target: Path | None,
    fewest: int,
    replace: bool,
    hear: Callable[[Working], None],
) -> tuple[Path, Counted]:
    """Count how common words are in these texts, into `target`, or as the writer's own table.

    Raises UsageError where the texts cannot be read or the place is taken, LibraryError where it
    cannot be written, EngineError where the child fails.
    """
    source = foreign.there(source, NAME_TEXTS)
    if target is None:
        private_folder(home.data)
    target = foreign.free(target or home.idf, replace)
    with private_new(target) as place:
        order = IdfOrder(str(source), str(place), fewest)
        return target, corpus.carry_out(order, Counted, hear)
