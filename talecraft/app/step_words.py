"""What undo and redo say they have done."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from talecraft.story.turns import Change, Step, StepKind

UNDONE: dict[StepKind, str] = {
    "write": "Your passage is taken back.",
    "continue": "The model's passage is taken back.",
    "version": "The version before is back.",
    "choice": "The choice is taken back, and what it said of the versions.",
    "edit": "The edit is taken back.",
    "prune": "What was thrown away is back.",
    "restore": "It is thrown away again.",
    "bookmark": "The bookmark is as it was before.",
    "title": "The story has its title from before.",
    "note": "is as it was before.",
}
REDONE: dict[StepKind, str] = {
    "write": "Your passage is back.",
    "continue": "The model's passage is back.",
    "version": "The other version is back.",
    "choice": "The choice stands again.",
    "edit": "The edit is back.",
    "prune": "It is thrown away again.",
    "restore": "What was thrown away is back.",
    "bookmark": "The bookmark is changed again.",
    "title": "The story has its new title again.",
    "note": "is changed again.",
}
_NOTES = {
    "memory": "The memory",
    "note": "Your note to the model",
    "summary": "The story so far",
    "plans": "Whether the model sees its earlier plans",
}


def told(step: Step, words: Mapping[StepKind, str]) -> str:
    """What `words` say of this step; of a note, of which."""
    if step.kind != "note":
        return words[step.kind]
    names = [_note(change) for change in step.changes]
    return f"{names[0] if len(names) == 1 else f'{len(names)} entries'} {words['note']}"


def _note(change: Change) -> str:
    """What a note is called: an entry by its title, which stands before or after."""
    if change.key in _NOTES:
        return _NOTES[change.key]
    for kept in (change.after, change.before):
        entry = msgspec.json.decode(kept) if isinstance(kept, str) else None
        if isinstance(entry, dict):
            return f"The entry {entry.get('title', '')}"
    return "An entry"
