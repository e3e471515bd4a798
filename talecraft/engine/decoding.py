"""The decode loop: a forced plan, then prose, token by token, with an exact record.

The program opens the outline; when the model has not closed it within its budget, or tries to end
the turn inside it, the program closes it. So every model shows a plan before it writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from talecraft.engine.codec import Codec, TextStream
from talecraft.engine.sampling import Sampler
from talecraft.engine.session import Cancelled, Session
from talecraft.story.outline import OutlineSplitter, Piece
from talecraft.story.turns import Sampling, StopReason

# Prose that reaches its budget may go on this far to finish its sentence.
GRACE = 24
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*\s*$")

OnPiece = Callable[[Piece], None]


def ends_a_sentence(prose: str) -> bool:
    return _SENTENCE_END.search(prose[-8:]) is not None


@dataclass(slots=True)
class Response:
    """The turn as it grows. One entry per token in each list; see story.turns.Generation."""

    ids: list[int] = field(default_factory=list)
    forced: list[bool] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)
    sampled: list[float] = field(default_factory=list)
    prose_start: int = 0
    prose_end: int = 0
    outline: str = ""
    prose: str = ""
    stop_reason: StopReason = "end"

    def add(self, token: int, forced: bool, raw: float, sampled: float) -> None:
        self.ids.append(token)
        self.forced.append(forced)
        self.raw.append(raw)
        self.sampled.append(sampled)

    def truncate(self, length: int) -> None:
        for column in (self.ids, self.forced, self.raw, self.sampled):
            del column[length:]


class Writer:
    """Writes one turn into a session that has just read its prompt."""

    def __init__(
        self, session: Session, codec: Codec, sampling: Sampling, on_piece: OnPiece
    ) -> None:
        self._session = session
        self._codec = codec
        self._sampling = sampling
        self._on_piece = on_piece
        self._base = len(session.ids)
        self._sampler = Sampler(sampling, codec)
        self._stream = TextStream(codec)
        self._splitter = OutlineSplitter(codec.style.prose_tag, codec.style.stops)
        self._ending = False
        self._spent_from = 0  # where the prose begins that is the model's own
        self.response = Response()

    @torch.inference_mode()
    def write(
        self,
        logits: Tensor,
        cancelled: Cancelled,
        outline: str | None = None,
        ending: bool = False,
        prose: str = "",
        plan_only: bool = False,
    ) -> Response:
        """The whole turn after `logits` (vocabulary,). With `outline`, that plan and no other;
        with `ending` the plan's last beat asks for the story's end. `prose` is how the passage
        begins, after that plan or none; with `plan_only` the turn ends where its prose would begin.

        Raises EngineError where the model gives no probabilities.
        """
        style = self._codec.style
        self._ending = ending
        opening = style.think_open
        if outline is None and prose:
            opening = style.story_open
        elif outline is not None:
            outline = outline.strip() + "\n"
            outline += style.asked_to_end(outline) if ending else ""
            opening += outline + style.story_open
        logits = self._force(opening, logits)
        if outline is not None:
            self._show([Piece("think", outline)])
        if outline is not None or prose:
            self._begin_prose()
        if prose:
            logits = self._force(prose, logits)
            self._show([Piece("prose", prose)])
            self._spent_from = len(self.response.ids)
        think_budget = len(self.response.ids) + self._sampling.outline_tokens
        while True:
            if cancelled():
                return self._end("cancelled")
            if self._splitter.part == "think" and len(self.response.ids) >= think_budget:
                if plan_only:
                    return self._end("plan")
                logits = self._close_outline(logits)
            if self._splitter.part == "prose" and self._spent():
                return self._end("length")
            # A plan may well say again what the text says, but not what itself says; prose neither.
            prose_now = self._splitter.part == "prose"
            text = self._session.ids if prose_now else self.response.ids
            token, raw, sampled = self._sampler.draw(logits, self.response.ids, text)
            self.response.add(token, False, raw, sampled)
            came = self._stream.feed(token)
            was = self._splitter.part
            ended = token in self._codec.end_ids
            pieces = [] if ended else self._splitter.feed(came)
            ended = ended or self._splitter.part == "done"
            opens = was == "think" and self._splitter.part == "prose"
            asks = opens and self._asks_for_the_end(pieces)
            if asks or plan_only:
                pieces = [piece for piece in pieces if piece.part == "think"]
            self._show(pieces)
            if ended and was == "prose":
                return self._end("end", tag=True)
            if plan_only and (ended or opens):
                return self._end("plan")
            if ended or asks:
                logits = self._rewind_tag(logits)
                logits = self._close_outline(logits)
                continue
            if opens:
                self._begin_prose()
            logits = self._session.feed([token])[-1]

    # ------------------------------------------------------------------ parts of the turn
    def _force(self, text: str, logits: Tensor) -> Tensor:
        """Write `text` ourselves; the model's log-probs of it are recorded all the same."""
        ids = self._codec.encode(text)
        after = self._session.feed(ids)
        rows = torch.cat([logits[None], after[:-1]]).float()
        logprobs = torch.log_softmax(rows, -1)
        for row, token in enumerate(ids):
            self.response.add(token, True, float(logprobs[row, token]), 0.0)
            self._stream.feed(token)
        self._splitter.resume(self._stream.ends[-1])
        return after[-1]

    def _asks_for_the_end(self, pieces: list[Piece]) -> bool:
        """Whether the program has a beat to add to the plan that the model closed with `pieces`."""
        plan = "".join(piece.text for piece in pieces if piece.part == "think")
        asked = self._codec.style.asked_to_end(self.response.outline + plan)
        return self._ending and bool(asked)

    def _close_outline(self, logits: Tensor) -> Tensor:
        """The program ends the plan, with the beat that asks for the end where one is wanted."""
        style = self._codec.style
        self._show(self._splitter.force_prose())
        asked = style.asked_to_end(self.response.outline) if self._ending else ""
        opening = asked + style.opening_of_prose(self.response.outline + asked)
        if asked:
            self._show([Piece("think", asked)])
        logits = self._force(opening, logits)
        self._begin_prose()
        return logits

    def _begin_prose(self) -> None:
        if self._splitter.part == "think":
            self._splitter.force_prose()
        self.response.prose_start = self._spent_from = len(self.response.ids)

    def _rewind_tag(self, logits: Tensor) -> Tensor:
        """Take back the token (or tokens) of the tag that ended the outline."""
        opened = self._splitter.prose_at
        if opened is None:
            keep = self._before_end()
        else:  # the model opened its prose
            keep = self._tokens_until(opened - len(self._codec.style.prose_tag))
        self.response.truncate(keep)
        self._stream.rewind(keep)
        held = len(self._session.ids) - self._base
        if held <= keep:
            return logits
        self._session.rewind(self._base + keep - 1)
        return self._session.feed([self.response.ids[keep - 1]])[-1]

    def _spent(self) -> bool:
        """Has the prose used its budget, to the end of its sentence or of its grace?"""
        used = len(self.response.ids) - self._spent_from
        if used < self._sampling.prose_tokens:
            return False
        over = used >= self._sampling.prose_tokens + GRACE
        return over or ends_a_sentence(self.response.prose)

    def _end(self, reason: StopReason, tag: bool = False) -> Response:
        if not tag:
            self._show(self._splitter.feed(self._stream.flush()))
        self._show(self._splitter.close())
        response = self.response
        response.stop_reason = reason
        if self._splitter.prose_at is None:
            response.prose_start = len(response.ids)
        response.prose_end = len(response.ids)
        if tag:
            response.prose_end = self._before_end()
        return response

    def _before_end(self) -> int:
        """How many tokens come before the stop tag, or before the end-of-text token."""
        at = self._splitter.ended_at
        return len(self.response.ids) - 1 if at is None else self._tokens_until(at)

    def _tokens_until(self, at: int) -> int:
        """How many tokens lie before character `at` of the response."""
        return sum(end <= at for end in self._stream.ends)

    def _show(self, pieces: list[Piece]) -> None:
        for piece in pieces:
            if piece.part == "think":
                self.response.outline += piece.text
            else:
                self.response.prose += piece.text
            self._on_piece(piece)
