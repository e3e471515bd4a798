"""An engine without a model: speaks the real wire, writes what a script says.

Words in the story choose the script: CRASH dies in the middle, SLOW writes until it is cancelled,
PLANONLY is slow before its first prose, ESCAPES and MARKUP send hostile text, EMPTY nothing, LONG
many paragraphs. PROMPTFAIL says not what the model sees. LOOKWAIT lets a look at tokens wait until
it is cancelled, LOOKFAIL refuses it.
Drafts know ESCAPES, MARKUP and SLOW, which waits until it is cancelled, and in a passage NOTHING.
LOADFAIL
as model location is not needed: a model that is not installed is never loaded.
"""

from __future__ import annotations

import os
import threading
import time
from itertools import cycle

import msgspec

from talecraft.process.child import Wire
from talecraft.process.messages import (
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
)
from talecraft.story.turns import Generation, Sampling, StopReason
from tests.support.examined import examined
from tests.support.scripted_tokens import Vocabulary

OUTLINE = "- The fox waits at the harbour\n- A boat comes in without a crew\n"
PROSE = (
    "The fox waited where the nets were drying, and nobody asked it why. At noon a boat came in"
    " under full sail, and there was no one at the tiller.\n\n“Well,” said the fox, “that is one"
    " way to arrive.”"
)
ESCAPES = "before \x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b31mafter\x00 end"
MARKUP = "He wrote [/oops] and [red]blood[/red] and [@click=app.quit]go[/] on the wall."

DRAFTS = (
    "She walked down to the water before anyone was awake, and found the boats already gone. Only"
    " the oldest one was left, tied to its post and full of rain.",
    "“You are late,” said the heron. “I know,” she said. “I was told to be.” It looked at her for a"
    " long while, and then it looked at the",
)


# What is drafted for a place in a passage.
INSTEAD = ("It sat still.", "It was in no hurry.", "It counted the gulls.", "It slept.")


class ScriptedEngine:
    """Answers Load, Generate and Draft; a cancel is heard between two words."""

    def __init__(self) -> None:
        self._cancelled: set[int] = set()
        self._changed = threading.Event()
        self.wire = Wire(self._cancel)
        self.load: Load | None = None
        self.turns = 0
        self._tokens = Vocabulary()
        self._look = 0  # how a look at the passages of this story goes

    def _cancel(self, request: int) -> None:
        self._cancelled.add(request)
        self._changed.set()

    def run(self) -> None:
        while True:
            command = self.wire.next()
            match command:
                case Quit():
                    return
                case Load():
                    self._load(command)
                case Generate():
                    self._generate(command)
                case Draft():
                    self._draft(command)
                case Probe():
                    self._probe(command)
                case Examine():
                    self.wire.send(examined(command))
            self.wire.send(Phase("ready"))

    def _load(self, command: Load) -> None:
        self.wire.send(Phase("loading", command.model.id))
        self.load = command
        adapter = command.adapter.id if command.adapter is not None else None
        self.wire.send(
            Loaded(
                command.model.id, command.model.revision, command.model.quantisation, "cpu",
                "float32", command.model.context_length, adapter,
            )
        )  # fmt: skip

    def _generate(self, command: Generate) -> None:
        self.turns += 1
        text = " ".join(block.text for block in command.blocks)
        slow = "SLOW" in text
        outline = command.outline if command.outline is not None else OUTLINE
        outline += "- The end\n" if command.ending else ""
        prose = command.prose + (" and went on." if command.prose else PROSE)
        if command.prose and command.outline is None:
            outline = ""
        self._look = 1 if "LOOKWAIT" in text else 2 if "LOOKFAIL" in text else 0
        if command.begun is not None:
            outline, prose = self._tokens.begun(command.begun, outline)
        if "ESCAPES" in text:
            outline, prose = f"- {ESCAPES}\n", ESCAPES
        elif "MARKUP" in text:
            outline, prose = f"- {MARKUP}\n", MARKUP
        elif "LONG" in text:
            prose = "\n\n".join(f"Paragraph {n}. {PROSE}" for n in range(30))
        elif "EMPTY" in text:
            outline = prose = ""
        elif self.turns > 1 and not command.prose and command.begun is None:
            prose = f"Take {self.turns}. {prose}"
        self.wire.send(Phase("reading", done=64, total=128))
        self.wire.send(Phase("thinking"))
        shown_outline = self._stream(command.request, "think", outline, 0.05 if slow else 0.0)
        if "PLANONLY" in text and command.outline is None:
            self._wait_for_cancel(command.request)
        if command.plan_only and not self._stopped(command.request):
            self._finish(command, shown_outline, "", "plan")
            return
        self.wire.send(Phase("writing"))
        crash = len(prose) // 2 if "CRASH" in text and self.turns == 1 else None
        shown = ""
        if not self._stopped(command.request):
            shown = self._stream(command.request, "prose", prose, 0.05 if slow else 0.0, crash)
            if slow:
                shown += self._endless(command.request)
        stopped: StopReason = "cancelled" if self._stopped(command.request) else "end"
        self._finish(command, shown_outline, shown, stopped)

    def _stopped(self, request: int) -> bool:
        return request in self._cancelled

    def _wait_for_cancel(self, request: int) -> None:
        while not self._stopped(request):
            self._changed.wait(0.05)

    def _stream(
        self, request: int, part: str, text: str, delay: float, crash: int | None = None
    ) -> str:
        sent = ""
        step = 4 if delay else 16
        while sent != text and not self._stopped(request):
            piece = text[len(sent) : len(sent) + step]
            self.wire.send(Delta(request, part, piece))  # type: ignore[arg-type]
            sent += piece
            if crash is not None and len(sent) >= crash:
                os._exit(9)
            time.sleep(delay)
        return sent

    def _endless(self, request: int) -> str:
        sent = ""
        while not self._stopped(request) and len(sent) < 4000:
            self.wire.send(Delta(request, "prose", " and on"))
            sent += " and on"
            self._changed.wait(0.05)
        return sent

    def _finish(self, command: Generate, outline: str, prose: str, stop: StopReason) -> None:
        self.wire.send(self._made(command.request, command.sampling, outline, prose, stop))

    def _draft(self, command: Draft) -> None:
        self.wire.send(Phase("drafting"))
        for index, (blocks, seeds) in enumerate(zip(command.prompts, command.seeds, strict=True)):
            text = " ".join(block.text for block in blocks)
            if "SLOW" in text:
                self._wait_for_cancel(command.request)
            if self._stopped(command.request):
                break
            turns = []
            for copy, (seed, prose) in enumerate(zip(seeds, cycle(DRAFTS), strict=False)):
                if command.middle is not None:
                    prose = f"{command.middle.prose} {INSTEAD[copy]}"
                hostile = {"ESCAPES": ESCAPES, "MARKUP": MARKUP}
                said = next((f"{prose[:9]} {hostile[w]}" for w in hostile if w in text), prose)
                sampling = msgspec.structs.replace(command.sampling, seed=seed)
                stop: StopReason = "end" if said.endswith(".") else "length"
                turn = self._made(command.request, sampling, OUTLINE, said, stop)
                if command.adapters:
                    chosen = command.adapters[copy]
                    adapter = chosen.id if chosen is not None else None
                    made = msgspec.structs.replace(turn.generation, adapter_id=adapter)
                    turn = msgspec.structs.replace(turn, generation=made)
                turns.append(turn)
            if "NOTHING" in text and command.middle is not None:
                turns = []
            # Of the drafts for a place in a passage the second leads best to what follows.
            ahead = command.middle is not None and command.middle.following
            fits = [-9.0, -1.0, -5.0, -7.0][: len(turns)] if ahead else []
            self.wire.send(Drafted(command.request, index, turns, fits))
        self.wire.send(DraftsOver(command.request))

    def _probe(self, command: Probe) -> None:
        if command.prompt_ids[-1] == 2:
            self.wire.send(Failed(command.request, "The look failed [/b].", "Try again."))
            return
        if command.prompt_ids[-1] == 1:
            self.wire.send(Phase("reading", done=64, total=512))
            self._wait_for_cancel(command.request)
        stopped = self._stopped(command.request)
        tokens = [] if stopped else self._tokens.odds(command.response_ids, command.top)
        adapter = command.adapter.id if command.adapter is not None else None
        self.wire.send(Probed(command.request, tokens, adapter))

    def _made(
        self, request: int, sampling: Sampling, outline: str, prose: str, stop: StopReason
    ) -> Finished:
        assert self.load is not None
        ids, forced, thought = self._tokens.encode(outline, prose)
        adapter = self.load.adapter.id if self.load.adapter is not None else None
        return Finished(
            request,
            outline.strip(),
            prose.strip(),
            Generation(
                model_id=self.load.model.id,
                revision=self.load.model.revision,
                quantisation=self.load.model.quantisation,
                adapter_id=adapter,
                engine_mode="scripted",
                sampling=sampling,
                prompt_ids=[1, 2, self._look],
                response_ids=ids,
                forced=forced,
                prose_start=thought,
                prose_end=len(ids),
                raw_logprobs=[-1.0] * len(ids),
                sampled_logprobs=[-0.5] * len(ids),
                stop_reason=stop,
                seconds=0.1,
            ),
        )


if __name__ == "__main__":
    ScriptedEngine().run()
