"""Opinions in the shapes that TRL's trainers read: preferences, labelled texts, scored completions.

Prompts are the text that the model's style shows for the place in the story, completions the plan
and the prose in its tags: what is trained on them elsewhere keeps the pattern.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from talecraft.library import Library
from talecraft.process.evidence import FROM_ELSEWHERE, Episode, Evidence, Preference
from talecraft.story import context
from talecraft.story.context import PromptStyle
from talecraft.story.feedback import DISLIKED, LIKED
from talecraft.studio.evidence import gather

Shape = Literal["preference", "unpaired", "completion"]
Row = dict[str, Any]


class Shared(NamedTuple):
    """The rows of one shape; `left_out` counts opinions that have no place in it."""

    rows: list[Row]
    left_out: int


def shared(library: Library, model_key: str, style: PromptStyle, shape: Shape) -> Shared:
    """What stands of this model's passages (`id@revision`).

    "preference": prompt, chosen, rejected (and weight, kind), as DPO takes it; ties are left out.
    "unpaired": prompt, completion, label, as KTO takes it; three stars say neither. "completion":
    prompt, completion and score (1 to 5, and its weight), as reward models and SFT can use it.
    """
    gathered = gather(library, model_key)
    prompt = _prompts(library, model_key, style)
    found = {"preference": _preferences, "unpaired": _labelled, "completion": _scored}[shape](
        gathered.evidence, prompt, style
    )
    return Shared(found.rows, found.left_out + gathered.left_out)


Prompt = Callable[[Episode], str]


def _prompts(library: Library, model_key: str, style: PromptStyle) -> Prompt:
    """The text before a passage, found once for each place."""
    known: dict[tuple[int, int | None], str] = {}

    def prompt(passage: Episode) -> str:
        if passage.turn_id == FROM_ELSEWHERE:
            return passage.told
        stories = library.stories
        turn = stories.turn(passage.turn_id)
        place = (turn.story_id, turn.parent_id)
        if place not in known:
            path = stories.path(turn.parent_id)
            blocks = context.blocks(stories.get(turn.story_id), path, style, model_key)
            known[place] = "".join(block.text for block in blocks if not block.left)
        return known[place]

    return prompt


def _completion(passage: Episode, style: PromptStyle) -> str:
    plan = _plan(passage, style)
    opening = style.opening_of_prose(plan) if plan else style.story_open
    return f"{plan}{opening}{passage.prose}\n"


def _plan(passage: Episode, style: PromptStyle) -> str:
    return f"{style.think_open}{passage.outline}\n" if passage.outline else ""


def _preferences(found: Evidence, prompt: Prompt, style: PromptStyle) -> Shared:
    rows = []
    for one in found.preferences:
        better, worse = found.passages[one.better], found.passages[one.worse]
        row = _preferred(one, better, worse, style)
        if row is not None and prompt(better) == prompt(worse):
            rows.append({"prompt": prompt(better), **row})
    return Shared(rows, len(found.preferences) - len(rows))


def _preferred(one: Preference, better: Episode, worse: Episode, style: PromptStyle) -> Row | None:
    text = _plan if one.outline else _completion
    chosen, rejected = text(better, style), text(worse, style)
    if one.tie or chosen == rejected:
        return None
    return {"chosen": chosen, "rejected": rejected, "weight": one.weight, "kind": one.kind}


def _labelled(found: Evidence, prompt: Prompt, style: PromptStyle) -> Shared:
    graded = [one for one in found.passages if one.stars]
    rows = [
        {
            "prompt": prompt(one),
            "completion": _completion(one, style),
            "label": one.stars >= LIKED,
        }
        for one in graded
        if one.stars >= LIKED or one.stars <= DISLIKED
    ]
    return Shared(rows, len(graded) - len(rows))


def _scored(found: Evidence, prompt: Prompt, style: PromptStyle) -> Shared:
    rows = [
        {
            "prompt": prompt(one),
            "completion": _completion(one, style),
            "score": one.stars,
            "weight": one.weight,
        }
        for one in found.passages
        if one.stars
    ]
    return Shared(rows, 0)
