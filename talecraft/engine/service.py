"""The engine's main loop: one command after the other, each answered; drafts in between."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from talecraft.engine import loading, opening, prompting, quantising
from talecraft.engine.batch import StepsOfAll
from talecraft.engine.codec import Codec
from talecraft.engine.decoding import Response, Writer
from talecraft.engine.deltas import Deltas
from talecraft.engine.drafting import Drafting
from talecraft.engine.lookahead import Place
from talecraft.engine.probing import check_ids, probe
from talecraft.engine.session import ReadingCancelled, Session
from talecraft.engine.sessions import Sessions
from talecraft.errors import AdapterError, EngineError, TalecraftError
from talecraft.process.child import Wire
from talecraft.process.messages import (
    AdapterRef,
    Command,
    Draft,
    Examine,
    Examined,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    ModelRef,
    Phase,
    Probe,
    Probed,
    Quit,
)
from talecraft.story.clean import clean
from talecraft.story.context import Block
from talecraft.story.turns import Generation, Sampling
from talecraft.story.window import Window

_ANOTHER_MODEL = "Another model writes now."


class Service:
    """Holds the model, its adapter and its session; answers Load, Generate, Draft, Probe
    and Quit.

    Drafts wait for whatever else is asked: between two of their steps the wire is looked at.
    """

    def __init__(self, wire: Wire, cancelled: set[int]) -> None:
        self._wire = wire
        self._cancelled = cancelled
        self._ref: ModelRef | None = None
        self._model: Any = None
        self._adapter: AdapterRef | None = None  # the one that writes
        self._worn: str | None = None  # the one that is on: another only while two are compared
        self._device = loading.Device("cpu", torch.float32)
        self._codec: Codec | None = None
        self._pad = 0
        self._session: Session | None = None
        self._sessions = Sessions()
        self._drafts: deque[Drafting] = deque()
        loading.settle_in()

    def run(self) -> None:
        while True:
            if self._drafts and not self._wire.waiting():
                self._answer(None)
                continue
            command = self._wire.next()
            if isinstance(command, Quit):
                return
            self._answer(command)

    def _answer(self, command: Command | None) -> None:
        """Do what is asked, or (None) a step of the oldest draft."""
        asks = Generate | Draft | Probe | Examine
        request = command.request if isinstance(command, asks) else None
        drafting = self._drafts[0] if command is None else None
        if command is not None:
            self._restore()
        try:
            if drafting is not None:
                request = drafting.request
                self._wear(self._adapter if drafting.adapter == "active" else drafting.adapter)
                if drafting.step(self._model):
                    return
            elif isinstance(command, Load):
                self._load(command)
            elif isinstance(command, Generate):
                self._generate(command)
            elif isinstance(command, Probe):
                self._probe(command)
            elif isinstance(command, Examine):
                self._wire.send(self._examined(command))
            elif isinstance(command, Draft):
                self._drafts.append(self._drafting(command))
                self._wire.send(Phase("drafting"))
                return
        except TalecraftError as error:
            refused = isinstance(error, AdapterError)
            self._wire.send(Failed(request, error.message, error.hint, refused))
        except (MemoryError, torch.OutOfMemoryError):
            if self._session is not None:
                self._session.forget()
            self._wire.send(Failed(request, "Memory ran out.", "Close other programs."))
        except Exception as error:
            # A defect here must not take the warm model along; the log has the traceback.
            logging.getLogger(__name__).exception("engine")
            message = f"The engine failed: {type(error).__name__}: {clean(str(error))[:200]}"
            self._wire.send(Failed(request, message, "Details are in engine.log."))
        if drafting is not None:
            self._drafts.popleft()
            self._cancelled.discard(drafting.request)
        if drafting is not None or isinstance(command, Probe):
            self._restore()
        if self._drafts:
            self._wire.send(Phase("drafting"))
        else:
            self._wire.send(Phase("ready" if self._model is not None else "stopped"))

    # ------------------------------------------------------------------ loading
    def _load(self, command: Load) -> None:
        """Load what differs from what is there, and say what is really in use."""
        held, codec = self._ref, self._codec
        same = held is not None and _weights(held) == _weights(command.model)
        if held is not None and codec is not None and same:
            if held.style != command.model.style:  # an example that it needs no more, perhaps
                self._codec = codec.styled(command.model.style)
            if held.recorded_tokens != command.model.recorded_tokens:
                self._session = None  # lean steps are seen to below
            self._ref = command.model
        else:
            self._wire.send(Phase("loading", command.model.id))
            self._give_up_drafts()
            self._ref = self._model = self._codec = None
            self._session = self._adapter = self._worn = None
            self._sessions.forget()
            opened = opening.open_model(command.model, self._tell_loading)
            self._model, self._device = opened.base, opened.device
            self._codec, self._pad = opened.codec, opened.pad
            self._ref = command.model
        try:
            if _id(command.adapter) != _id(self._adapter):
                for drafting in self._drafts:
                    drafting.restart()
                if command.adapter is not None:
                    self._wire.send(Phase("loading", f"adapter {command.adapter.id[:8]}"))
                self._adapter = None
                self._wear(command.adapter)
                self._adapter = command.adapter
        finally:
            # Also after a refused adapter: the bare model writes, and the page is told so.
            self._settle()

    def _wear(self, adapter: AdapterRef | None) -> None:
        """Put this adapter on, checked as ever; after a refusal (AdapterError) there is none."""
        assert self._ref is not None
        if _id(adapter) == self._worn:
            return
        self._session = self._worn = None
        try:
            if adapter is None:
                self._model = opening.detach(self._model)
            else:
                self._model = opening.attach(self._model, adapter, self._ref)
                self._worn = adapter.id
        except AdapterError:
            self._model = opening.detach(self._model)
            raise
        finally:
            self._session = self._new_session()

    def _new_session(self) -> Session:
        assert self._ref is not None
        return self._sessions.open(self._model, self._device.name, self._ref, self._worn)

    def _settle(self) -> None:
        """What is on now is what writes: its steps are prepared, and the page is told."""
        assert self._ref is not None
        news = self._sessions.settle(self._model, self._device.name, self._ref, self._worn)
        if news or self._session is None:
            self._session = self._new_session()
        self._tell_loaded()

    def _restore(self) -> None:
        """What was put on for a comparison comes off: the one that writes is back."""
        if self._model is None:
            return
        try:
            self._wear(self._adapter)
        except AdapterError as error:  # damaged since it was loaded
            self._adapter = None
            for drafting in self._drafts:
                drafting.restart()
            self._settle()
            self._wire.send(Failed(None, error.message, error.hint, True))

    @property
    def _quantisation(self) -> str:
        """What the weights really are, whatever was asked for."""
        assert self._ref is not None
        return quantising.name(self._model, self._ref.quantisation)

    def _tell_loading(self, what: str) -> None:
        self._wire.send(Phase("loading", what))

    def _tell_loaded(self) -> None:
        assert self._ref is not None
        assert self._session is not None
        self._wire.send(
            Loaded(
                self._ref.id,
                self._ref.revision,
                self._quantisation,
                self._device.name,
                self._device.dtype_name,
                self._ref.context_length,
                self._worn,
                self._session.mode,
            )
        )

    # ------------------------------------------------------------------ writing
    def _generate(self, command: Generate) -> None:
        if self._session is None or self._codec is None or self._ref is None:
            raise EngineError("No model is loaded.", "Choose one on the models screen.")
        started = time.perf_counter()
        codec, request = self._codec, command.request

        def cancelled() -> bool:
            return request in self._cancelled

        given = codec.encode(command.outline or "") + codec.encode(command.prose)
        if command.begun is not None:
            self._check_model(command.begun.model)
            given = command.begun.ids
            check_ids([*given, command.begun.then or 0], self._model)
        prompt = self._prompt(command.blocks, command.sampling, len(given))
        stream = Deltas(self._wire, request)
        response = Response(stop_reason="cancelled")
        try:
            logits = self._session.read(
                prompt.ids, cancelled, lambda done, total: self._reading(done, total)
            )
            writer = Writer(self._session, codec, command.sampling, stream.add)
            response = writer.write(
                logits,
                cancelled,
                command.outline,
                command.ending,
                command.prose,
                command.plan_only,
                command.begun,
            )
        except ReadingCancelled:
            pass
        stream.close()
        self._cancelled.discard(request)
        seconds = time.perf_counter() - started
        mode = self._session.mode
        self._wire.send(self._finished(request, command.sampling, prompt, response, seconds, mode))

    def _probe(self, command: Probe) -> None:
        """Raises EngineError for another model's ids. The adapter stays on until the next step."""
        self._check_model(command.model)
        check_ids(command.prompt_ids, self._model)
        check_ids(command.response_ids, self._model)
        if not command.active:
            try:
                self._wear(command.adapter)
            except AdapterError:  # damaged since: what was asked for is told from what was used
                self._restore()
        assert self._session is not None
        assert self._codec is not None
        tokens = []
        with contextlib.suppress(ReadingCancelled):
            tokens = probe(
                self._session, self._codec, command,
                lambda: command.request in self._cancelled, self._reading,
            )  # fmt: skip
        self._cancelled.discard(command.request)
        self._wire.send(Probed(command.request, tokens, self._worn))

    def _check_model(self, key: str) -> None:
        """Raise EngineError unless what is asked is for the model that is loaded."""
        if self._session is None or self._codec is None or self._ref is None:
            raise EngineError("No model is loaded.", "Choose one on the models screen.")
        if key != self._ref.key:
            raise EngineError(_ANOTHER_MODEL, "Begin again.")

    def _prompt(self, blocks: Sequence[Block], sampling: Sampling, given: int = 0) -> Window:
        """Raises EngineError where the window is too small for the turn."""
        assert self._ref is not None
        assert self._codec is not None
        return prompting.prompt(blocks, self._codec, self._ref, sampling, given)

    def _examined(self, command: Examine) -> Examined:
        """Raises EngineError for another model's ids, and as `_prompt` does."""
        self._check_model(command.model)
        assert self._ref is not None
        assert self._codec is not None
        if not command.blocks:
            check_ids(command.prompt_ids, self._model)
        return prompting.examined(command, self._codec, self._ref)

    def _drafting(self, command: Draft) -> Drafting:
        """Raises EngineError where the prompts are not for the model that writes now."""
        self._check_model(command.model)
        assert self._codec is not None
        request, codec = command.request, self._codec

        def cancelled() -> bool:
            return request in self._cancelled

        place = None
        if command.middle is not None:
            place = Place(command.middle, codec, self._warm, cancelled)
        given = place.tokens if place is not None else 0
        return Drafting(
            command,
            [self._prompt(blocks, command.sampling, given) for blocks in command.prompts],
            codec,
            self._pad,
            partial(self._finished, request),
            self._wire.send,
            cancelled,
            place,
            self._steps_of_all,
        )

    def _steps_of_all(self) -> StepsOfAll | None:
        """Of what is worn now."""
        assert self._ref is not None
        return self._sessions.for_all(self._model, self._ref, self._worn)

    def _warm(self) -> Session:
        """The session of what is worn now."""
        assert self._session is not None
        return self._session

    def _give_up_drafts(self) -> None:
        """Their prompts are in another model's ids."""
        while self._drafts:
            request = self._drafts.popleft().request
            self._wire.send(Failed(request, _ANOTHER_MODEL, "Begin again."))

    def _reading(self, done: int, total: int) -> None:
        if total > 64:
            self._wire.send(Phase("reading", done=done, total=total))

    def _finished(
        self, request: int, sampling: Sampling, prompt: Window, response: Response,
        seconds: float, mode: str,
    ) -> Finished:  # fmt: skip
        assert self._ref is not None
        return Finished(
            request,
            clean(response.outline).strip(),
            clean(response.prose).strip(),
            Generation(
                model_id=self._ref.id,
                revision=self._ref.revision,
                quantisation=self._quantisation,
                adapter_id=self._worn,
                engine_mode=f"{mode}-{self._device.name}-{self._device.dtype_name}",
                sampling=sampling,
                prompt_ids=prompt.ids,
                response_ids=response.ids,
                forced=response.forced,
                prose_start=response.prose_start,
                prose_end=response.prose_end,
                raw_logprobs=response.raw,
                sampled_logprobs=response.sampled,
                stop_reason=response.stop_reason,
                seconds=seconds,
                shown=prompt.shown,
                left_out=prompt.left_out,
            ),
        )


def _weights(model: ModelRef) -> object:
    """What must be loaded anew where it differs; llama.cpp's memory is as large as the window."""
    return model.files, model.kind, model.kind == "torch" or model.context_length


def _id(adapter: AdapterRef | None) -> str | None:
    return adapter.id if adapter is not None else None
