"""The history of what was learned: a tree of adapters, their names, notes and origins.

Which of them writes is the studio's affair (`Studio.use_adapter`, `Studio.roll_back`).
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from talecraft.errors import BusyError, LibraryError, UsageError, os_reason
from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home
from talecraft.process import run_client, run_events
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Outcome, TasteLearned
from talecraft.story.clean import clean_line

NAME_LIMIT, NOTE_LIMIT = 40, 300  # characters
RESERVED = ("none", "active")  # what commands call the bare model and the one in use


class Branch(msgspec.Struct, frozen=True):
    """A line of the tree. `depth` counts the adapters before it; `rails` is how its place is drawn.

    Each line took over from the nearest one above it in its own column. Side branches are drawn
    before the line goes on, so that a long history does not run out of the window.
    """

    adapter: Adapter
    depth: int
    rails: str


class Origin(msgspec.Struct, frozen=True):
    """Where an adapter comes from. `parent` wrote until then (None: the bare model); `taste` is
    what its run had learned of the scores, `outcome` how the gate judged it, as far as they are
    still there; `passages` counts what it has written since."""

    adapter: Adapter
    parent: Adapter | None
    run: TrainingRun | None
    taste: TasteLearned | None
    outcome: Outcome | None
    passages: int


class AdapterHistory:
    """Names, notes and deletes adapters, and tells where they come from."""

    def __init__(self, library: Library, home: Home) -> None:
        self._library = library
        self._home = home

    # ------------------------------------------------------------------ reading
    def tree(self, model_id: str) -> list[Branch]:
        """A model's adapters, depth first; deleted ones only where others descend from them."""
        return _drawn(self._library.adapters.list(model_id, deleted=True))

    def origin(self, adapter: Adapter) -> Origin:
        """What is known of how it was made."""
        run = next((one for one in self._library.runs.list() if one.id == adapter.run_id), None)
        events = EventTail(self._home.runs / adapter.run_id).read() if run is not None else []
        taste = [event for event in events if isinstance(event, TasteLearned)]
        parent = adapter.parent_id
        return Origin(
            adapter,
            self._library.adapters.get(parent) if parent is not None else None,
            run,
            taste[-1] if taste else None,
            _outcome(adapter.evaluation),
            self._library.stories.generated_by(adapter.id),
        )

    def before(self, adapter: Adapter) -> Adapter | None:
        """Its nearest ancestor that is still there: what rolling back returns to. None: the bare
        model."""
        while adapter.parent_id is not None:
            adapter = self._library.adapters.get(adapter.parent_id)
            if adapter.deleted_at is None:
                return adapter
        return None

    # ------------------------------------------------------------------ changing
    def name(self, adapter_id: str, name: str, model_id: str | None = None) -> Adapter:
        """Call an adapter by a name, unique among its model's; '' takes the name away.

        Raises UsageError for an unknown or deleted adapter and for a name that is too long, taken
        or would be mistaken for something else.
        """
        adapter = self.living(adapter_id, model_id)
        name = clean_line(name)
        if len(name) > NAME_LIMIT:
            raise UsageError(f"A name has at most {NAME_LIMIT} characters; this has {len(name)}.")
        if name.lower() in RESERVED:
            raise UsageError(f"'{name}' has a meaning of its own here.", "Choose another name.")
        if name and any(one.id.startswith(name) for one in self._library.adapters.list(None, True)):
            raise UsageError(f"An adapter's id begins with '{name}'.", "Choose another name.")
        self._library.adapters.rename(adapter.id, name)
        return self._library.adapters.get(adapter.id)

    def note(self, adapter_id: str, text: str, model_id: str | None = None) -> Adapter:
        """Remember something about an adapter; '' forgets it. Raises UsageError."""
        adapter = self.living(adapter_id, model_id)
        text = clean_line(text)
        if len(text) > NOTE_LIMIT:
            raise UsageError(f"A note has at most {NOTE_LIMIT} characters; this has {len(text)}.")
        self._library.adapters.annotate(adapter.id, text)
        return self._library.adapters.get(adapter.id)

    def delete(self, adapter_id: str, model_id: str | None = None) -> Adapter:
        """Delete an adapter's files; the record stays for what refers to it.

        The record is changed first: a crash leaves a whole adapter, or a deleted one whose files
        `sweep` removes. Raises UsageError for the active one and for a root that others began at,
        BusyError for the one a training run is compared with or began at, LibraryError where the
        files cannot be removed yet.
        """
        adapter = self.living(adapter_id, model_id)
        with run_client.settling(self._home.runs):
            for run in self._library.runs.list("running"):
                if adapter.id in _needed(run):
                    raise BusyError(
                        f"A training run is to be compared with adapter {adapter.label}.",
                        "Wait for its end, or stop it first.",
                    )
            for one in self._library.adapters.list(adapter.model_id):
                if one.root_id == adapter.id != one.id:
                    raise UsageError(
                        f"Adapter {one.label} began at {adapter.label}; a run after it begins"
                        " there too.",
                        "Delete that one first.",
                    )
            self._library.adapters.delete(adapter.id)
            self._remove(adapter)
        return adapter

    def sweep(self) -> None:
        """Remove what a crash left of deleted adapters.

        Only folders of adapters recorded as deleted: an unknown one is about to be taken in, and
        so may be one of these, while a run waits to be settled.
        """
        if not any(self._folder(one).exists() for one in self._deleted()):
            return
        with run_client.settling(self._home.runs):
            if not self._library.runs.list("running"):
                for one in self._deleted():
                    self._remove(one)

    def _deleted(self) -> list[Adapter]:
        every = self._library.adapters.list(deleted=True)
        return [one for one in every if one.deleted_at is not None]

    def living(self, wanted: str, model_id: str | None = None) -> Adapter:
        """By name, id or its beginning; of several so named `model_id`'s. Raises UsageError for
        none and for a deleted one."""
        adapter = self._library.adapters.get(wanted, model_id)
        if adapter.deleted_at is not None:
            raise UsageError(
                f"Adapter {adapter.label} was deleted on {adapter.deleted_at[:10]}.",
                "See `talecraft adapters list` for those that are there.",
            )
        return adapter

    def _folder(self, adapter: Adapter) -> Path:
        return self._home.adapters / adapter.path

    def _remove(self, adapter: Adapter) -> None:
        folder = self._folder(adapter)
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            raise LibraryError(
                f"Adapter {adapter.label} is deleted, but {folder} could not be removed:"
                f" {os_reason(error)}.",
                "It is tried again at the next start.",
            ) from error


def _needed(run: TrainingRun) -> set[str]:
    """The adapters that a run reads: its opponent, and the root it began at."""
    found = {run.parent_adapter} if run.parent_adapter is not None else set()
    with contextlib.suppress(msgspec.MsgspecError):  # ordered by another version of Talecraft
        root = run_events.decode_settings(run.settings.encode()).root
        if root is not None:
            found.add(root.id)
    return found


def _outcome(evaluation: str) -> Outcome | None:
    try:
        return msgspec.json.decode(evaluation, type=Outcome)
    except msgspec.MsgspecError:
        return None


# ---------------------------------------------------------------------- the tree
def _drawn(every: Sequence[Adapter]) -> list[Branch]:
    """The living and what they descend from, depth first."""
    known = {one.id: one for one in every}
    kept = _with_ancestors([one for one in every if one.deleted_at is None], known)
    children: dict[str | None, list[Adapter]] = {}
    for one in every:
        if one.id in kept:
            children.setdefault(one.parent_id if one.parent_id in known else None, []).append(one)
    for siblings in children.values():  # the newest one adopted carries the line on: it is last
        siblings.sort(key=lambda one: one.state != "rejected")
    drawn: list[Branch] = []
    waiting = _below(children.get(None, []), 0, "")
    while waiting:
        branch, column = waiting.pop()
        drawn.append(branch)
        waiting += _below(children.get(branch.adapter.id, []), branch.depth + 1, column)
    return drawn


def _below(children: Sequence[Adapter], depth: int, column: str) -> list[tuple[Branch, str]]:
    """The children of what stands in `column`, the first one last: each with the column of its own
    children."""
    found = []
    for one in children:
        last = one is children[-1]
        if last and one.state != "rejected":
            found.append((Branch(one, depth, column), column))
        else:
            found.append(
                (
                    Branch(one, depth, column + ("└─" if last else "├─")),
                    column + ("  " if last else "│ "),
                )
            )
    return found[::-1]


def _with_ancestors(some: Sequence[Adapter], known: Mapping[str, Adapter]) -> set[str]:
    found: set[str] = set()
    for one in some:
        at: Adapter | None = one
        while at is not None and at.id not in found:
            found.add(at.id)
            at = known.get(at.parent_id or "")
    return found
