"""Taking in the runs that have ended: their verdicts, their adapters; each exactly once."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import msgspec

from talecraft.errors import AdapterError, LibraryError, os_reason
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    flush_file,
    flush_folder,
    private_folder,
)
from talecraft.process import adapter_files, run_client, run_events
from talecraft.process.messages import AdapterRef
from talecraft.process.run_events import Outcome, RunSettings
from talecraft.studio.run_control import RunControl

RESUMABLE = ("interrupted", "cancelled")


class Settling(RunControl):
    def settle(self) -> list[TrainingRun]:
        """Take in every run that has ended: its adapter, its verdict; each exactly once.

        Returns the runs settled now. A run that died without a word is marked as interrupted.
        """
        if not self._library.runs.list("running"):
            return []
        settled = []
        with run_client.settling(self._home.runs):
            for run in self._library.runs.list("running"):
                if run_client.alive(self._home.runs) != run.id:
                    self._settle(run)
                    settled.append(self._library.runs.get(run.id))
                    if settled[-1].state not in RESUMABLE:
                        self._forget_checkpoint(run.id)
        return settled

    def _forget_checkpoint(self, run_id: str) -> None:
        """What a run goes on from, and its copy of an encoder, are large and of no more use. What
        cannot be deleted does no harm."""
        for name in (run_client.CHECKPOINT, run_client.REWARD_MODEL, run_client.STYLE):
            with contextlib.suppress(OSError):
                (self._home.runs / run_id / name).unlink(missing_ok=True)

    def _settle(self, run: TrainingRun) -> None:
        folder = self._home.runs / run.id
        outcome = run_client.outcome(folder)
        if outcome is None:
            run_client.tidy(folder)
            can = run_client.can_resume(self._home.runs, run.id)
            error = (
                f"It ended without a word, killed perhaps;{' it can go on where it was;' * can}"
                f" see {folder / run_client.LOG}."
            )
            self._library.runs.end(run.id, "interrupted", error=error)
            return
        text = run_events.encode(outcome).decode()
        if outcome.files and _is_trial(run):
            shutil.rmtree(folder / run_client.CANDIDATE, ignore_errors=True)
            self._library.runs.end(run.id, "tried", text)
            return
        if not outcome.files:
            self._library.runs.end(run.id, outcome.state, text)
            return
        try:
            self._take_in(run, outcome, folder / run_client.CANDIDATE)
        except (AdapterError, msgspec.MsgspecError) as error:
            self._library.runs.end(run.id, "failed", text, str(error))
        except OSError as error:  # a full or read-only disk passes; the run stays to be settled
            raise LibraryError(
                f"The adapter of run {run.id} could not be put away: {os_reason(error)}.",
                "Free some space; it is taken in at the next start.",
            ) from error

    def _take_in(self, run: TrainingRun, outcome: Outcome, candidate: Path) -> None:
        """Move the candidate among the adapters, then move the pointer: one rename, one commit."""
        target = private_folder(self._home.adapters) / outcome.adapter_id
        settings = run_events.decode_settings(run.settings)
        if outcome.adapter_id != adapter_files.content_id(outcome.files):
            raise AdapterError(f"Run {run.id} names its adapter '{outcome.adapter_id}' wrongly.")

        def verify(folder: Path) -> None:
            adapter_files.verify(
                AdapterRef(outcome.adapter_id, str(folder), outcome.files, settings.model.key)
            )

        # Proved before it is moved; a crash after the move leaves only the commit to be done. The
        # same content may be there from an earlier run, and may be what writes: never taken away.
        try:
            verify(target)
        except AdapterError:
            verify(candidate)
            candidate.chmod(PRIVATE_FOLDER)
            for name in outcome.files:
                (candidate / name).chmod(PRIVATE_FILE)
                flush_file(candidate / name)
            shutil.rmtree(target, ignore_errors=True)  # a damaged one
            os.rename(candidate, target)
            flush_folder(target.parent)
        else:
            shutil.rmtree(candidate, ignore_errors=True)
        adopted = outcome.state == "adopted"
        text = run_events.encode(outcome).decode()
        with self._library.transaction():
            self._library.adapters.add(
                Adapter(
                    id=outcome.adapter_id,
                    model_id=settings.model.id,
                    revision=settings.model.revision,
                    parent_id=run.parent_adapter,
                    run_id=run.id,
                    path=outcome.adapter_id,
                    files=outcome.files,
                    state="candidate" if adopted else "rejected",
                    evaluation=text,
                    root_id=_root_of(settings, outcome),
                )
            )
            if adopted:
                self._library.adapters.activate(settings.model.id, outcome.adapter_id)
            self._library.runs.end(run.id, outcome.state, text, adapter=outcome.adapter_id)


def _is_trial(run: TrainingRun) -> bool:
    try:
        return run_events.decode_settings(run.settings).trial
    except msgspec.MsgspecError:
        return False  # ordered by another version, which knew no trials


def _root_of(settings: RunSettings, outcome: Outcome) -> str | None:
    """What the run's adapter began at: one of the pattern, or of a manner, is a root itself."""
    if settings.method in ("pattern", "style"):
        return outcome.adapter_id
    return settings.root.id if settings.root is not None else None
