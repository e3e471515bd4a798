"""The decode loop: a forced plan, then prose, token by token, with an exact record.

The program opens the outline; when the model has not closed it within its budget, or tries to end
the turn inside it, the program closes it. So every model shows a plan before it writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from talecraft.engine.banning import Bans
from talecraft.engine.codec import Codec, TextStream
from talecraft.engine.sampling import Sampler
from talecraft.engine.session import CHUNK, Cancelled, ReadingCancelled, Session
from talecraft.errors import EngineError
from talecraft.process.messages import Begun
from talecraft.story.outline import OutlineSplitter, Part, Piece
from talecraft.story.spans import ends_a_sentence
from talecraft.story.turns import Sampling, StopReason

# Prose that reaches its budget may go on this far to finish its sentence.
GRACE = 24
_OPENS = " \t([—–-"  # what stands before a quotation mark that opens

OnPiece = Callable[[Piece], None]


def _logprob(logits: Tensor, token: int) -> float:
    return float(torch.log_softmax(logits.float(), -1)[token])


def may_end(prose: str) -> bool:
    """Is a sentence over, and with it what is being said? Single marks are apostrophes as well
    and count for nothing."""
    paragraph = prose[prose.rfind("\n") + 1 :]  # a quotation ends with it at the latest
    opened, closed = ("„", "“") if "„" in paragraph else ("“", "”")
    quoting = paragraph.rfind(opened) > paragraph.rfind(closed)
    straight = paragraph.rfind('"')
    if straight >= 0:  # by its side: it may go on from the paragraph before, or mean inches
        before, after = paragraph[:straight][-1:], paragraph[straight + 1 :][:1]
        quoting |= (not before or before in _OPENS) and bool(after.strip())
    return not quoting and ends_a_sentence(prose)


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
        self._bans = Bans(sampling.banned)
        self._shown: dict[Part, int] = {"think": 0, "prose": 0}  # characters
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
        begun: Begun | None = None,
    ) -> Response:
        """The whole turn after `logits` (vocabulary,). With `outline`, that plan and no other;
        with `ending` the plan's last beat asks for the story's end. `prose` is how the passage
        begins, after that plan or none; with `plan_only` the turn ends where its prose would begin.
        `begun` is how it begins in tokens, which are then the only ones it can have.

        Raises EngineError where the model gives no probabilities or the turn is over with what is
        given, ReadingCancelled where that was not read to its end.
        """
        self._ending = ending
        chosen = None
        if begun is not None:
            logits, chosen = self._begin_with(begun, logits, cancelled), begun.then
        else:
            logits = self._open(outline, prose, logits)
        think_budget = len(self.response.ids) + self._sampling.outline_tokens
        while True:
            if cancelled():
                return self._end("cancelled")
            thinks = self._splitter.part == "think"
            if thinks and len(self.response.ids) >= think_budget and chosen is None:
                if plan_only:
                    return self._end("plan")
                logits = self._close_outline(logits)
            if self._splitter.part == "prose" and chosen is None and self._spent():
                return self._end("length")
            # A plan may well say again what the text says, but not what itself says; prose neither.
            prose_now = self._splitter.part == "prose"
            text = self._session.ids if prose_now else self.response.ids
            given = chosen is not None
            if chosen is not None:
                token, chosen = chosen, None
                raw, sampled = _logprob(logits, token), 0.0
            else:
                self._bans.remember(self.response, self._splitter)
                without = self._bans.ruled_out(len(self.response.ids))
                token, raw, sampled = self._sampler.draw(logits, self.response.ids, text, without)
            came = self._hear(token)
            if not given and (keep := self._bans.begins(self.response, self._stream.ends)):
                logits = self._go_back(keep, token, logits)
                continue
            self.response.add(token, given, raw, sampled)
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
    def _open(self, outline: str | None, prose: str, logits: Tensor) -> Tensor:
        """The program writes how the turn begins."""
        style = self._codec.style
        opening = style.think_open
        if outline is None and prose:
            opening = style.story_open
        elif outline is not None:
            outline = outline.strip() + "\n"
            outline += style.asked_to_end(outline) if self._ending else ""
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
        return logits

    def _begin_with(self, begun: Begun, logits: Tensor, cancelled: Cancelled) -> Tensor:
        """Write recorded ids once more, exactly; plan and prose are told apart as the record does,
        and what a tag at their end is the beginning of is still to be seen."""
        style, splitter = self._codec.style, self._splitter
        plan, prose = begun.ids[: begun.prose_start], begun.ids[begun.prose_start :]
        logits, text = self._force_ids(plan, logits, cancelled)
        opening = next((o for o in (style.think_open, style.story_open) if text.startswith(o)), "")
        splitter.resume(len(opening))
        pieces = splitter.feed(text[len(opening) :])
        self._show([piece for piece in pieces if piece.part == "think"])
        if splitter.part == "prose" or len(begun.ids) >= begun.prose_start:
            self._begin_prose()
            logits, text = self._force_ids(prose, logits, cancelled)
            self._show(splitter.feed(text))
            self._spent_from = len(self.response.ids)
        if splitter.part == "done":
            raise EngineError("With these tokens the passage is over.", "Choose an earlier place.")
        return logits

    def _force(self, text: str, logits: Tensor) -> Tensor:
        """Write `text` ourselves."""
        logits, _ = self._force_ids(self._codec.encode(text), logits)
        self._splitter.resume(self._stream.ends[-1])
        return logits

    def _force_ids(
        self, ids: list[int], logits: Tensor, cancelled: Cancelled = lambda: False
    ) -> tuple[Tensor, str]:
        """Write `ids` ourselves; the model's log-probs of them are recorded all the same. Returns
        the logits after them and their text. Raises ReadingCancelled between two chunks."""
        text = ""
        for at in range(0, len(ids), CHUNK):
            if cancelled():
                raise ReadingCancelled
            chunk = ids[at : at + CHUNK]
            after = self._session.feed(chunk)
            rows = torch.cat([logits[None], after[:-1]]).float()
            logprobs = torch.log_softmax(rows, -1)
            for row, token in enumerate(chunk):
                self.response.add(token, True, float(logprobs[row, token]), 0.0)
                text += self._hear(token)
            logits = after[-1]
        return logits, text

    def _hear(self, token: int) -> str:
        """The text that `token` completes."""
        text = self._stream.feed(token)
        self._bans.added(text)
        return text

    def _go_back(self, keep: int, token: int, logits: Tensor) -> Tensor:
        """Take back the tokens from the `keep`-th on, with which a banned phrase began that `token`
        completes; returns the logits (vocabulary,) that the `keep`-th is drawn from once more."""
        response = self.response
        first = [*response.ids, token][keep]
        self._splitter, outline, prose = self._bans.go_back(keep, first, self._stream.ends)
        logits = self._again(keep, logits)
        response.outline, response.prose = response.outline[:outline], response.prose[:prose]
        return logits

    def _again(self, keep: int, logits: Tensor) -> Tensor:
        """Keep so many tokens of the response; returns the logits after them, which `logits` are
        where the session has read no more."""
        self.response.truncate(keep)
        self._stream.rewind(keep)
        held = len(self._session.ids) - self._base
        if held <= keep:
            return logits
        self._session.rewind(self._base + keep - 1)
        return self._session.feed([self.response.ids[keep - 1]])[-1]

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
        self._bans.keep(self._stream.ends[keep - 1])
        return self._again(keep, logits)

    def _spent(self) -> bool:
        """Has the prose used its budget, to the end of its sentence or of its grace?"""
        used = len(self.response.ids) - self._spent_from
        if used < self._sampling.prose_tokens:
            return False
        over = used >= self._sampling.prose_tokens + GRACE
        return over or may_end(self.response.prose)

    def _end(self, reason: StopReason, tag: bool = False) -> Response:
        if not tag:
            self._show(self._splitter.feed(self._stream.flush()))
        self._show(self._splitter.close(), all_of_it=True)
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

    def _show(self, pieces: list[Piece], all_of_it: bool = False) -> None:
        """Take `pieces` into the response, and show what cannot become a banned phrase any more."""
        for piece in pieces:
            if piece.part == "think":
                self.response.outline += piece.text
            else:
                self.response.prose += piece.text
        waits = (
            0 if all_of_it else max(0, self._bans.possible(self._stream.ends) - self._splitter.held)
        )
        texts: dict[Part, str] = {"think": self.response.outline, "prose": self.response.prose}
        for part, text in texts.items():
            last = part == "prose" or not self.response.prose
            until = len(text) - waits * last
            if until > self._shown[part]:
                self._on_piece(Piece(part, text[self._shown[part] : until]))
                self._shown[part] = until
