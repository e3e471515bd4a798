"""Marks, and the words that stand for them on a plain page.

Every sign that tells something (a star, a bar, a curve, a mark beside a name) is chosen here
between its shape and its words, so that a plain page, which a screen reader reads line by line,
shows no shape that only an eye understands.
"""

from __future__ import annotations

_plain = False


def use(plain: bool) -> None:
    """From now on tell in words (`plain`), or draw."""
    global _plain
    _plain = plain


def plain() -> bool:
    """Whether things are told in words, and never side by side."""
    return _plain


def mark(drawn: str, told: str = "") -> str:
    """`drawn`, or on a plain page `told`, which is empty where the words beside it say the same."""
    return told if _plain else drawn


def stars(number: int, most: int = 5) -> str:
    """`★★★★☆ 4 of 5`, or `4 of 5 stars`."""
    return mark(
        f"{'★' * number}{'☆' * (most - number)} {number} of {most}", f"{number} of {most} stars"
    )
