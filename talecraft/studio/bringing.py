"""Opinions from elsewhere, in the shapes that TRL's trainers read, taken in to be learned from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.library.brought import Batch, Brought, Text
from talecraft.story.clean import clean, clean_line
from talecraft.story.context import PromptStyle
from talecraft.story.feedback import THUMB_WEIGHT
from talecraft.story.outline import OutlineSplitter
from talecraft.studio import foreign

MOST_LETTERS = 200_000  # of a text
_decode = msgspec.json.Decoder().decode


class _Odd(Exception):
    """Why a row cannot be taken in."""


def bring_in(library: Library, found: Iterable[bytes], name: str, style: PromptStyle) -> Batch:
    """Add every row of the file `name`, or none: JSON objects, a line each.

    {"prompt", "chosen", "rejected"} is a preference (DPO), {"prompt", "completion", "label"} a
    thumb (KTO), {"prompt", "completion", "score"} stars, 1 to 5 (reward models); texts may be
    messages, as a chat has them, and `weight` in (0, 1] says how much one counts. Plans in the tags
    of `style` are told from the prose. Raises UsageError with the line for what is none of these.
    """
    opinions = []
    for number, raw in enumerate(found, 1):
        if not raw.strip():
            continue
        try:
            opinions.append(_opinion(_decode(raw), style))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise _wrong(name, number, foreign.why(error)) from error
        except _Odd as odd:
            raise _wrong(name, number, str(odd)) from odd
    if not opinions:
        raise UsageError(f"There is nothing in {name}.")
    return library.brought.append(clean_line(name), opinions)


def _wrong(name: str, number: int, why: str) -> UsageError:
    return UsageError(f"{name}:{number}: {why}.", "Nothing was added.")


def _opinion(row: Any, style: PromptStyle) -> Brought:
    if not isinstance(row, dict):
        raise _Odd("it is no JSON object")
    # Where the prompt is not told apart, it is the user's message before the answer.
    begun = row.get("prompt", row.get("chosen", row.get("completion")))
    prompt = _text(begun if "prompt" in row or isinstance(begun, list) else "", "prompt", "user")
    weight = row.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 1:
        raise _Odd("'weight' is no number above 0 and at most 1")
    if "chosen" in row or "rejected" in row:
        better, worse = (_passage(row, one, style) for one in ("chosen", "rejected"))
        return Brought(prompt, better, worse, 0, float(weight))
    passage = _passage(row, "completion", style)
    if isinstance(row.get("label"), bool):
        stars = 5 if row["label"] else 1
        return Brought(prompt, passage, None, stars, min(float(weight), THUMB_WEIGHT))
    score = row.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 1 <= score <= 5:
        raise _Odd("it has neither 'chosen' and 'rejected', nor a 'label', nor a 'score' of 1 to 5")
    return Brought(prompt, passage, None, round(score), float(weight))


def _passage(row: dict[str, Any], name: str, style: PromptStyle) -> Text:
    if name not in row:
        raise _Odd(f"it has no '{name}'")
    told = _text(row[name], name, "assistant")
    begins = told.lstrip().startswith(style.think_open.strip()) and style.think_open.strip() != ""
    if not begins:
        return Text("", _needed(told, name))
    inside = told.lstrip().removeprefix(style.think_open.strip())
    splitter = OutlineSplitter(style.prose_tag, style.stops)
    pieces = splitter.feed(inside)
    outline = "".join(one.text for one in pieces if one.part == "think")
    return Text(
        outline.strip(), _needed("".join(o.text for o in pieces if o.part == "prose"), name)
    )


def _needed(prose: str, name: str) -> str:
    if not prose.strip():
        raise _Odd(f"'{name}' has no prose")
    return prose.strip()


def _text(value: Any, name: str, role: str) -> str:
    """A text as it is; of messages those of this role, the last one alone for a prompt."""
    if isinstance(value, list):
        said = [
            one.get("content") for one in value if isinstance(one, dict) and one.get("role") == role
        ]
        value = said[-1] if said else None
    if not isinstance(value, str):
        raise _Odd(f"'{name}' is no text")
    if len(value) > MOST_LETTERS:
        raise _Odd(f"'{name}' is longer than {MOST_LETTERS:,} characters")
    return clean(value)
