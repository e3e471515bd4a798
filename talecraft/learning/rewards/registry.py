"""The parts of the reward by their names: one file and one entry each.

*taste* is not among them: it is a function of a passage's features (see taste.py and total.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from talecraft.learning.rewards import (
    classifier,
    completeness,
    finished,
    form,
    format,  # noqa: A004 - the part's name
    length,
    repetition,
    semantic,
    style,
)
from talecraft.learning.rewards.part import Build, Ground, Part

BUILD: Mapping[str, Build] = {
    "finished": finished.build,
    "repetition": repetition.build,
    "length": length.build,
    "semantic": semantic.build,
    "form": form.build,
    "completeness": completeness.build,
    "format": format.build,
    "classifier": classifier.build,
    "style": style.build,
}


def build(names: Iterable[str], ground: Ground) -> dict[str, Part]:
    """These parts, the taste left out."""
    return {name: BUILD[name](ground) for name in names if name in BUILD}
