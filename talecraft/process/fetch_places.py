"""Where a model is while it is being fetched or removed. No repository's name begins with a dot."""

from __future__ import annotations

from pathlib import Path


def partial(folder: Path) -> Path:
    """What has come so far of the model that will be in `folder`."""
    return folder.with_name(f".{folder.name}.part")


def leaving(folder: Path) -> Path:
    """What of the model in `folder` is being deleted."""
    return folder.with_name(f".{folder.name}.leaving")


def lock_of(folder: Path) -> Path:
    """Who holds this is at work on the model in `folder`."""
    return folder.with_name(f".{folder.name}.lock")
