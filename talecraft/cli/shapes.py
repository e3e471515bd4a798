"""What the commands give as JSON: one shape for each thing, the same in every command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talecraft.library.adapters import Adapter
    from talecraft.library.runs import TrainingRun
    from talecraft.story.feedback import Feedback
    from talecraft.story.turns import Story, Turn
    from talecraft.studio.branching import Place


def turn(one: Turn, stopped: bool = False) -> dict[str, Any]:
    """A turn with how it was made; the token ids stay in the library."""
    shape: dict[str, Any] = {
        "story": one.story_id,
        "turn": one.id,
        "parent": one.parent_id,
        "author": one.author,
        "outline": one.outline,
        "prose": one.prose,
    }
    if made := one.generation:
        shape |= {
            "model": made.model_id,
            "revision": made.revision,
            "quantisation": made.quantisation,
            "adapter": made.adapter_id,
            "seed": made.sampling.seed,
            "stop": made.stop_reason,
            "tokens": len(made.response_ids),
            "seconds": round(made.seconds, 3),
            "stopped": stopped or made.stop_reason == "cancelled",
        }
    return shape


def place(one: Place) -> dict[str, Any]:
    """A passage in the tree of its story."""
    return turn(one.turn) | {
        "depth": one.depth,
        "open": one.open,
        "trashed": one.pruned,
        "version": one.version,
        "versions": one.versions,
        "edited": bool(one.turn.revision),
        "bookmark": one.bookmark,
        "stars": one.score.stars if one.score else None,
    }


def story(one: Story) -> dict[str, Any]:
    return {
        "story": one.id,
        "title": one.title,
        "premise": one.premise,
        "open_turn": one.leaf_id,
        "trashed": one.trashed,
        "created_at": one.created_at,
    }


def opinion(line: Feedback) -> dict[str, Any]:
    return {
        "id": line.id,
        "turn": line.turn_id,
        "kind": line.kind,
        "value": line.value,
        "aspect": line.aspect,
        "tags": list(line.tags),
        "note": line.note,
        "others": list(line.others),
        "text": line.text,
        "created_at": line.created_at,
    }


def adapter(one: Adapter) -> dict[str, Any]:
    return {
        "adapter": one.id,
        "name": one.name,
        "note": one.note,
        "model": one.model_id,
        "revision": one.revision,
        "state": one.state,
        "parent": one.parent_id,
        "root": one.root_id,
        "run": one.run_id,
        "created_at": one.created_at,
        "deleted_at": one.deleted_at,
    }


def run(one: TrainingRun) -> dict[str, Any]:
    import json

    return {
        "run": one.id,
        "method": one.method,
        "model": one.model_id,
        "state": one.state,
        "seed": one.seed,
        "watermark": one.watermark,
        "parent_adapter": one.parent_adapter,
        "adapter": one.adapter_id,
        "pid": one.pid,
        "started_at": one.started_at,
        "ended_at": one.ended_at,
        "error": one.error,
        "outcome": json.loads(one.outcome) if one.outcome else None,
    }
