"""Texts made into data to learn from, by a child: the page never opens such files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from talecraft.paths import Home, private_folder, private_new
from talecraft.process import corpus
from talecraft.process.corpus import Counted, IdfOrder, PromptsOrder, PromptsRead, Working
from talecraft.studio import foreign

NAME_PROMPTS = "Name a file of prompts."
MOST_PROMPTS = 5000  # that a run keeps: more are never practised
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


def prompts(source: Path, most: int = MOST_PROMPTS) -> list[str]:
    """The prompts in this file, of more than `most` so many drawn at random.

    Raises UsageError where it cannot be read, EngineError where the child fails.
    """
    source = foreign.there(source, NAME_PROMPTS)
    order = PromptsOrder(str(source), most)
    return corpus.carry_out(order, PromptsRead, lambda working: None).prompts
