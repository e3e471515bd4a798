"""What undo and redo say they have done."""

from __future__ import annotations

from talecraft.story.turns import StepKind

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
    "note": "What you had noted for the model is as it was before.",
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
    "note": "What you had noted for the model is changed again.",
}
