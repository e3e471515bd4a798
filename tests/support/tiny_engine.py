"""An engine without torch: the real wire, and what the words of the story ask for.

CRASH dies by SIGKILL, SLOW writes until it is stopped, PLANONLY is stopped before its prose, EMPTY
writes nothing, REFUSED fails, MARKUP writes what looks like markup. Drafts know these words too;
CRASHONCE dies only where the file TINY_MARK is not yet there, SAME writes the same twice (in a
comparison too), MUTE has the second of two adapters write nothing. Takes of a model called
`second` are others than the same seed's of the first; one called `broken` cannot be loaded, one
called `deadly` kills the engine, an adapter that begins with `bad` is refused.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgspec

from talecraft.process.child import Wire
from talecraft.process.messages import (
    Candidate,
    Delta,
    Draft,
    Drafted,
    DraftsOver,
    Examine,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Phase,
    Probe,
    Probed,
    Quit,
    TokenOdds,
)
from talecraft.story.turns import Generation, Sampling, StopReason
from tests.support.examined import examined


class TinyEngine:
    def __init__(self) -> None:
        self.cancelled: set[int] = set()
        self.wire = Wire(self.cancelled.add)
        self.load: Load | None = None
        self.adapter: str | None = None

    def run(self) -> None:
        print("noise on stdout that must not reach the parent", flush=True)
        while True:
            command = self.wire.next()
            if isinstance(command, Quit):
                return
            if isinstance(command, Load):
                self.load_it(command)
            elif isinstance(command, Generate):
                self.write(command)
            elif isinstance(command, Draft):
                self.draft(command)
            elif isinstance(command, Probe):
                self.look(command)
            elif isinstance(command, Examine):
                self.wire.send(examined(command))
            self.wire.send(Phase("ready"))

    def look(self, command: Probe) -> None:
        """Token 4 is `<think>`, a line's end with it; a response that begins with 9 waits."""
        if command.response_ids[0] == 9:
            self.wait_for_cancel(command.request)
            self.wire.send(Probed(command.request, [], self.adapter))
            return
        wanted = command.adapter.id if command.adapter else None
        tokens = [
            TokenOdds(
                "<think>\n" if one == 4 else f" {one}",
                Candidate(one, f" {one}", -0.5),
                0,
                [Candidate(one, f" {one}", -0.5), Candidate(one + 50, f" {one + 50}", -2.0)],
            )
            for one in command.response_ids
        ]
        used = self.adapter if command.active else wanted
        self.wire.send(Probed(command.request, tokens, used))

    def load_it(self, command: Load) -> None:
        model = command.model
        self.wire.send(Phase("loading", model.id))
        if model.id == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        if model.id == "broken":
            self.wire.send(Failed(None, "The model is broken.", "Get another."))
            return
        self.load = command
        wanted = command.adapter.id if command.adapter else None
        refused = wanted is not None and wanted.startswith("bad")
        self.adapter = None if refused else wanted
        self.wire.send(
            Loaded(model.id, model.revision, "none", "cpu", "float32", 512, self.adapter)
        )
        if refused:
            self.wire.send(Failed(None, f"Adapter {wanted} is damaged.", "Roll back.", True))

    def write(self, command: Generate) -> None:
        told = "".join(block.text for block in command.blocks)
        request, seed = command.request, command.sampling.seed
        if "REFUSED" in told:
            self.wire.send(Failed(request, "There is no room.", "Shorten it."))
            return
        if "EMPTY" in told:
            self.finish(command, "", "", "end")
            return
        alone = command.prose and command.outline is None
        plan = "" if alone else command.outline or f"- plan {seed}"
        if command.ending:
            plan += "\n- The end"
        self.wire.send(Phase("thinking"))
        self.wire.send(Delta(request, "think", plan + "\n"))
        if "CRASH" in told:
            os.kill(os.getpid(), signal.SIGKILL)
        if "PLANONLY" in told and command.outline is None:
            self.wait_for_cancel(request)
            self.finish(command, plan, "", "cancelled")
            return
        if command.plan_only:
            self.finish(command, plan, "", "plan")
            return
        self.wire.send(Phase("writing"))
        if "SLOW" in told:
            prose = "Slowly."
            self.wire.send(Delta(request, "prose", prose))
            self.wait_for_cancel(request)
            self.finish(command, plan, prose, "cancelled")
            return
        prose = f'Passage {seed} of {len(command.blocks)} blocks. "{"Ha! " * (seed % 9)}"'
        if "MARKUP" in told:
            prose = "[/oops] [red]not red[/red] [@click=app.quit]"
        prose = f"{command.prose} goes on." if command.prose else prose
        if command.begun is not None:
            prose = f"Begun with {[*command.begun.ids, command.begun.then]}."
        for word in prose.split(" "):
            self.wire.send(Delta(request, "prose", f"{word} "))
        self.finish(command, plan, prose, "end")

    def draft(self, command: Draft) -> None:
        for index, (blocks, seeds) in enumerate(zip(command.prompts, command.seeds, strict=True)):
            told = "".join(block.text for block in blocks)
            if "REFUSED" in told:
                self.wire.send(Failed(command.request, "There is no room.", "Shorten it."))
                return
            if "CRASHONCE" in told and not Path(os.environ["TINY_MARK"]).exists():
                Path(os.environ["TINY_MARK"]).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if "SLOW" in told:
                self.wait_for_cancel(command.request)
            if command.request in self.cancelled:
                break
            turns = []
            for copy, seed in enumerate(seeds):
                prose = f"Draft {1 if 'SAME' in told else seed} of {len(blocks)} blocks."
                adapter = self.adapter
                if command.adapters:
                    chosen = command.adapters[copy]
                    adapter = chosen.id if chosen is not None else None
                    assert self.load is not None
                    take = copy + 5 * (self.load.model.id == "second")
                    prose = prose if "SAME" in told else f"{prose[:-1]}, take {take}."
                    prose = "" if "MUTE" in told and copy else prose
                if "MARKUP" in told:
                    prose = f"[/oops] [red]not red[/red] [@click=app.quit] {seed}"
                prose = "" if "EMPTY" in told else prose
                sampling = msgspec.structs.replace(command.sampling, seed=seed)
                plan = f"- plan {seed}"
                if command.middle is not None:
                    plan, prose = command.middle.outline, f"{command.middle.prose} {prose}"
                turn = self.made(command.request, sampling, plan, prose, "end", adapter)
                turns.append(turn)
            # In the midst of a passage: the later the better it leads to what follows.
            ahead = command.middle is not None and command.middle.following
            fits = [-9.0 + at for at in range(len(turns))] if ahead else []
            self.wire.send(Drafted(command.request, index, turns, fits))
        self.wire.send(DraftsOver(command.request))

    def wait_for_cancel(self, request: int) -> None:
        while request not in self.cancelled:
            time.sleep(0.005)

    def finish(self, command: Generate, plan: str, prose: str, stop: StopReason) -> None:
        self.wire.send(
            self.made(command.request, command.sampling, plan, prose, stop, self.adapter)
        )

    def made(
        self,
        request: int,
        sampling: Sampling,
        plan: str,
        prose: str,
        stop: StopReason,
        adapter: str | None,
    ) -> Finished:
        assert self.load is not None
        model = self.load.model
        made = Generation(
            model.id, model.revision, "none", adapter, "tiny", sampling,
            [1, 2, 3], [4, 5, 6, 7], [True, False, False, False], 2, 3,
            [-0.5] * 4, [-0.25] * 4, stop, 0.01,
        )  # fmt: skip
        return Finished(request, plan, prose, made)


if __name__ == "__main__":
    TinyEngine().run()
