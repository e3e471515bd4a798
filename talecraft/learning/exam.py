"""`python -m talecraft.learning.exam`: what a model can do, in figures that models compare by.

It reads prose that nobody here was trained on and writes turns as the page does: one after the
other, with the page's own loop and sampling.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from statistics import fmean, median

import msgspec
import torch

from talecraft.corpus import outlines
from talecraft.engine import loading, quantising
from talecraft.engine.decoding import Response, Writer
from talecraft.engine.session import Session
from talecraft.errors import DoesNotFit, TalecraftError
from talecraft.process.child import answers, log_to_stderr
from talecraft.process.exam import Examined, Examining, ExamOrder, Unable
from talecraft.story.clean import clean
from talecraft.story.context import Block
from talecraft.story.traits import repeated
from talecraft.story.turns import Sampling
from talecraft.story.words import words

Tell = Callable[[int, int], None]


def examine(order: ExamOrder, tell: Tell) -> Examined:
    """`tell` hears how many texts are done, of how many. Raises EngineError, DoesNotFit."""
    opened = loading.open_model(order.model)
    total = len(order.passages) + len(order.prompts)
    perplexity, bits = reading(opened, order.passages, lambda done: tell(done, total))
    turns, first, speed = [], [], []
    for at, prompt in enumerate(order.prompts):
        sampling = msgspec.structs.replace(order.sampling, seed=order.sampling.seed + at)
        turn, waited, rate = _write(opened, prompt, sampling)
        turns.append(turn)
        first.append(waited)
        speed.append(rate)
        tell(len(order.passages) + at + 1, total)
    proses = [clean(one.prose) for one in turns]
    plans = [clean(one.outline) for one in turns]
    return Examined(
        perplexity=perplexity,
        bits=bits,
        followed=_followed(plans, proses),
        strange=_followed(plans, proses[1:] + proses[:1]),
        repeated=fmean(repeated(words(prose.lower())) for prose in proses),
        finished=fmean(
            one.stop_reason == "end" and bool(one.outline.strip() and one.prose.strip())
            for one in turns
        ),
        first=median(first),
        speed=median(speed),
        memory=_peak(opened.device),
        turns=len(turns),
        device=opened.device.name,
        precision=_precision(opened, order.model.quantisation),
    )


@torch.inference_mode()
def reading(
    opened: loading.Opened, passages: Sequence[str], tell: Callable[[int], None]
) -> tuple[float, float]:
    """exp of the mean negative log-likelihood of a token (Jelinek et al. 1977), and bits a
    character, each passage read by itself after a line's end."""
    before = opened.codec.encode("\n")
    nats, tokens, characters = 0.0, 0, 0
    for at, passage in enumerate(passages):
        text = clean(passage)
        ids = opened.codec.encode(text)
        row = torch.tensor([before + ids], device=opened.device.name)
        logits = opened.base(input_ids=row, use_cache=False).logits[0, len(before) - 1 : -1]
        nats += float(
            torch.nn.functional.cross_entropy(
                logits.float(), row[0, len(before) :], reduction="sum"
            )
        )
        tokens += len(ids)
        characters += len(text)
        tell(at + 1)
    return math.exp(nats / max(1, tokens)), nats / math.log(2) / max(1, characters)


def _write(
    opened: loading.Opened, prompt: str, sampling: Sampling
) -> tuple[Response, float, float]:
    """A first turn as the page writes it; seconds to its first token, and tokens a second after."""
    codec = opened.codec
    session = Session(opened.base, opened.device.name)
    begun = time.perf_counter()
    block = Block(f"{codec.style.premise_open}{prompt}\n")
    logits = session.read(codec.premise(block), lambda: False, lambda done, all_: None)
    first = time.perf_counter()
    turn = Writer(session, codec, sampling, lambda piece: None).write(logits, lambda: False)
    taken = time.perf_counter() - first
    return turn, first - begun, len(turn.ids) / max(taken, 1e-9)


def _followed(plans: Sequence[str], proses: Sequence[str]) -> float:
    shares = [outlines.followed(plan, prose) for plan, prose in zip(plans, proses, strict=True)]
    return fmean([share for share in shares if share is not None] or [0.0])


def _precision(opened: loading.Opened, asked: str) -> str:
    """What the weights really are."""
    return asked if quantising.quantised(opened.base) else opened.device.dtype_name


def _peak(device: loading.Device) -> float:
    """MB, of the device's memory or of this process."""
    if device.name == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> int:
    log_to_stderr()
    loading.settle_in()
    say = answers()
    try:
        order = msgspec.json.decode(sys.stdin.buffer.read(), type=ExamOrder)
        say(examine(order, lambda done, total: say(Examining(done, total))))
    except TalecraftError as error:
        say(Unable(error.message, error.hint, not isinstance(error, DoesNotFit)))
    except (MemoryError, torch.OutOfMemoryError):
        say(Unable("Memory ran out.", "Close other programs, or choose a smaller model.", False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
