"""How likely each token of a recorded turn was, and what else might have stood in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from talecraft.engine.codec import Codec, TextStream
from talecraft.engine.session import CHUNK, Cancelled, Progress, ReadingCancelled, Session
from talecraft.errors import EngineError
from talecraft.process.messages import Candidate, Probe, TokenOdds
from talecraft.story.clean import clean


def check_ids(ids: Sequence[int], model: Any) -> None:
    """Raise EngineError where these cannot be ids of `model`: on a GPU to read them would end it
    for good."""
    known = model.get_input_embeddings().num_embeddings
    if not ids or min(ids) < 0 or max(ids) >= known:
        raise EngineError("The record of this passage cannot be read.", "Write another version.")


@torch.inference_mode()
def probe(
    session: Session, codec: Codec, command: Probe, cancelled: Cancelled, progress: Progress
) -> list[TokenOdds]:
    """One forward pass over prompt and response; what the session holds already is not read again.

    Raises ReadingCancelled between two chunks, EngineError where the logits are no numbers.
    """
    ids, total = command.response_ids, len(command.prompt_ids) + len(command.response_ids)
    logits = session.read(command.prompt_ids, cancelled, progress)
    texts = _Texts(codec)
    odds: list[TokenOdds] = []
    for at in range(0, len(ids), CHUNK):
        if cancelled():
            raise ReadingCancelled
        progress(len(session.ids), total)
        chunk = ids[at : at + CHUNK]
        after = session.feed(chunk)
        rows = torch.log_softmax(torch.cat([logits[None], after[:-1]]).float(), -1)
        odds += _odds(rows, chunk, texts, command.top)
        logits = after[-1]
    if odds and (rest := texts.flush()):  # half a character at the very end
        odds[-1] = TokenOdds(rest, odds[-1].taken, odds[-1].rank, odds[-1].top)
    return odds


def _odds(rows: Tensor, ids: Sequence[int], texts: _Texts, top: int) -> list[TokenOdds]:
    """Of `rows` (len(ids), vocabulary) of log-probabilities, a row for each of `ids`."""
    if not torch.isfinite(rows.amax(-1)).all():
        raise EngineError(
            "The model's probabilities are not numbers.",
            "Roll back the adapter or choose another model.",
        )
    rows = rows.clamp(min=-1e6)  # what can never come is -inf, which JSON has not
    best = rows.topk(min(top, rows.shape[-1]), dim=-1)
    taken = rows.gather(-1, torch.tensor(ids, device=rows.device)[:, None])
    ranks = (rows > taken).sum(-1).tolist()
    found = []
    for row, token in enumerate(ids):
        likeliest = [
            Candidate(one, texts.after(one), value)
            for one, value in zip(
                best.indices[row].tolist(), best.values[row].tolist(), strict=True
            )
        ]
        here = Candidate(token, texts.after(token), float(taken[row]))
        found.append(TokenOdds(clean(texts.feed(token)), here, ranks[row], likeliest))
    return found


class _Texts:
    """The text so far, and what a token would add to it."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._stream = TextStream(codec)
        self._ids: list[int] = []
        self._whole = 0  # ids before the character that is not complete yet, if there is one

    def feed(self, token: int) -> str:
        self._ids.append(token)
        text = self._stream.feed(token)
        if text:
            self._whole = len(self._ids)
        return text

    def after(self, token: int) -> str:
        """What `token` would complete here, cleaned; a replacement mark where it does not."""
        start = max(0, self._whole - 4)
        before = self._codec.decode(self._ids[start : self._whole])
        window = self._codec.decode([*self._ids[start:], token])
        return clean(window[len(before) :])

    def flush(self) -> str:
        return self._stream.flush()
