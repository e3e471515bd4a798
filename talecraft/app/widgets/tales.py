"""Before a run that learns the pattern: what it would learn from, in plain words."""

from __future__ import annotations

from talecraft.app.text import count
from talecraft.story.clean import clean_line
from talecraft.studio.figures import duration
from talecraft.studio.memory import size
from talecraft.studio.pattern import PatternPlan


def plan_lines(plan: PatternPlan) -> list[str]:
    """What is in the tales, what a run of them takes, and what becomes of what writes now."""
    found = plan.found
    lines = [
        f"{count(found.tales, 'tale')} with {count(found.turns, 'passage')};"
        f" {found.held_out} of them are held back to judge by.",
        f"{count(plan.epochs, 'time')} through {found.tokens} tokens: {plan.steps} steps, about"
        f" {duration(plan.minutes * 60)} (estimated).",
        f"It needs about {size(plan.memory_mb)} of memory and {size(plan.disk_mb)} on the disk.",
    ]
    if plan.left_out:
        lines.insert(1, clean_line(plan.left_out))
    if not plan.together:
        lines.append("What writes sleeps while the run works; each passage wakes it.")
    lines.append(plan.takeover or "It changes nothing unless it proves better.")
    return lines
