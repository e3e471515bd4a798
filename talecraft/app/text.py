"""Words for the screen: what is said, counted and dated, always as literal text."""

from __future__ import annotations

import re
from datetime import datetime

from textual.content import Content

from talecraft.app.marks import mark
from talecraft.app.marks import stars as graded
from talecraft.errors import TalecraftError
from talecraft.process.messages import Loaded
from talecraft.story.clean import clean, clean_line
from talecraft.story.feedback import SPAN_WEIGHT, THUMB_WEIGHT, Score

MUTED = "$foreground 60%"
Span = str | Content | tuple[str, str]

_BULLET = re.compile(r"^\s*(?:[-*•·–—]|\d+[.)])\s*")


def said(*parts: Span) -> Content:
    """Literal text with styles: never parsed as markup, no control sequences left in it."""
    return Content.assemble(
        *(
            (clean(part[0]), part[1])
            if isinstance(part, tuple)
            else clean(part)
            if isinstance(part, str)
            else part
            for part in parts
        )
    )


def error_line(error: TalecraftError) -> str:
    """What went wrong and what to do, as one clean line."""
    return clean_line(str(error))


def count(number: int, one: str, many: str = "") -> str:
    """`1 word`, `1,204 words`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def beats(outline: str) -> list[str]:
    """The beats of a plan, without the bullets the model gave them."""
    lines = (_BULLET.sub("", line).strip() for line in clean(outline).splitlines())
    return [line for line in lines if line]


def stars(score: Score) -> str:
    """A grade so that shape and number tell it: `★★★★☆ 4 of 5`, `+ liked`."""
    if score.weight == THUMB_WEIGHT:
        return mark("+ ") + "liked" if score.stars > 3 else mark("− ") + "disliked"
    if score.weight == SPAN_WEIGHT:
        return f"{score.stars} of 5 for some of its words"
    return graded(score.stars)


def short_score(score: Score) -> str:
    """A grade for the margin: `★4`, `+`, `−`; in words on a plain page, which has no margin."""
    if score.weight == THUMB_WEIGHT:
        return mark("+", "liked") if score.stars > 3 else mark("−", "disliked")
    if score.weight == SPAN_WEIGHT:
        return mark(f"☆{score.stars}", f"{graded(score.stars)} for some of its words")
    return mark(f"★{score.stars}", graded(score.stars))


def short_id(adapter_id: str) -> str:
    return clean_line(adapter_id)[:8]


def adapter_words(adapter_id: str | None) -> str:
    return f"adapter {short_id(adapter_id)}" if adapter_id else "no adapter"


def in_use(loaded: Loaded) -> str:
    """Model, adapter, quantisation, device and way of writing as they really are."""
    quantised = "not quantised" if loaded.quantisation == "none" else loaded.quantisation
    parts = (
        loaded.model_id, adapter_words(loaded.adapter_id), quantised,
        f"{loaded.device} {loaded.dtype}", "" if loaded.steps == "eager" else loaded.steps,
    )  # fmt: skip
    return " · ".join(clean_line(part) for part in parts if part)


def when(moment: str, now: datetime) -> str:
    """A stored UTC time, told as from `now` and in its time zone."""
    try:
        then = datetime.fromisoformat(moment).astimezone(now.tzinfo)
    except ValueError:
        return ""
    days = (now.date() - then.date()).days
    if days <= 0:
        return f"today {then:%H:%M}"
    if days == 1:
        return f"yesterday {then:%H:%M}"
    if days < 7:
        return f"{days} days ago"
    return f"{then:%-d %B}" if then.year == now.year else f"{then:%-d %B %Y}"
