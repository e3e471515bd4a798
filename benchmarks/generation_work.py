"""What `benchmarks.generation` measures of one model, in a process of its own; prints JSON.

python -m benchmarks.generation_work FOLDER QUANTISATION WINDOW
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from benchmarks.memory_work import STYLE, peak_mb
from talecraft.config import lean
from talecraft.config.assets import reference
from talecraft.engine import loading
from talecraft.engine.captured import Captured
from talecraft.engine.decoding import Writer
from talecraft.engine.lean.choice import FAMILIES, build, lean_steps
from talecraft.engine.lean.products import ranked
from talecraft.engine.lean.steps import LeanSteps
from talecraft.engine.products import QuickConv1D, QuickLinear
from talecraft.engine.session import Session
from talecraft.process.messages import ModelRef
from talecraft.story.turns import Sampling

ROUNDS = 3
TRIES = 9  # of a few milliseconds, which whatever else a machine does falls upon
TURN = Sampling(seed=1, temperature=0.8, top_p=0.92, outline_tokens=40, prose_tokens=160)
LENGTHS = (64, 700)  # tokens before greedy steps
STEPS = 48
PASSAGES = 8
SAID = "the cat sat by the river and waited for "


class Speed(msgspec.Struct):
    """Medians: tokens a second of whole turns, and seconds to a turn's first token after a prompt
    of which nothing was kept, and after one of which all but 64 tokens were."""

    rate: float
    first: float
    first_kept: float


class Lean(msgspec.Struct):
    """One way to do lean steps: whole turns, mean KL to the model's own forward in nats a token on
    texts that it never saw, and greedy steps alone: tokens a second after so many tokens."""

    speed: Speed
    apart: float
    steps: dict[int, float]


class Measured(msgspec.Struct):
    """`peak` in MB: of the GPU where there is one, else of the process. `limit` in tokens a second:
    how often its memory can read all weights. `chosen` are the lean steps that the engine takes."""

    limit: float
    generate: float  # tokens a second of transformers' generate, bare, with its log-probs
    reference: Speed
    captured: Speed | None
    furthest: float | None  # KL of a captured step to the reference, nats, over 16 tokens
    peak: float
    lean: dict[str, Lean] = {}
    chosen: str = ""


def _synchronised() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = _synchronised()
    found = work()
    return _synchronised() - began, found


def speed(session: Session, codec: Any, prompt: list[int]) -> Speed:
    def read(ids: list[int]) -> Tensor:
        return session.read(ids, lambda: False, lambda done, of: None)

    rates, first, kept = [], [], []
    for round_ in range(ROUNDS + 1):
        session.forget()
        seconds, logits = _timed(lambda: read(prompt))
        writer = Writer(session, codec, TURN, lambda piece: None)
        taken, response = _timed(lambda w=writer, at=logits: w.write(at, lambda: False))
        again, _ = _timed(lambda: read(prompt[:-64] + prompt[-1:] * 64))
        if round_:  # the first warms up
            rates.append(len(response.ids) / taken)
            first.append(seconds)
            kept.append(again)
    return Speed(*(statistics.median(one) for one in (rates, first, kept)))


def bare(model: Any, prompt: list[int], count: int) -> float:
    """Tokens a second of `generate` with the same sampler, the log-probs of what it drew kept."""
    ids = torch.tensor([prompt], device=model.device)
    rates = []
    for round_ in range(ROUNDS + 1):
        seconds, made = _timed(
            lambda: model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0,
                temperature=TURN.temperature, top_p=TURN.top_p, min_new_tokens=count,
                max_new_tokens=count, output_logits=True, output_scores=True,
                return_dict_in_generate=True, pad_token_id=0,
            )
        )  # fmt: skip
        tokens = made.sequences[0, len(prompt) :]
        for shaped in (made.logits, made.scores):
            torch.stack(shaped)[:, 0].float().log_softmax(-1).gather(1, tokens[:, None]).cpu()
        if round_:
            rates.append(len(tokens) / seconds)
    return statistics.median(rates)


def slow(model: Any) -> Any:
    """The model with torch's own layers, as transformers loads it."""
    own = {QuickLinear: nn.Linear, QuickConv1D: Conv1D}
    for module in model.modules():
        module.__class__ = own.get(type(module), type(module))
    return model


def apart(model: Any, device: str, captured: Captured, prompt: list[int]) -> float:
    """The largest KL (nats) between the two ways' next-token distributions, over 16 tokens."""
    ways = Session(model, device), Session(model, device, captured)
    logits = [way.read(prompt, lambda: False, lambda done, of: None) for way in ways]
    worst = 0.0
    for _ in range(16):
        ours, theirs = (one.float().log_softmax(-1) for one in logits)
        worst = max(worst, float((ours.exp() * (ours - theirs)).sum()))
        token = int(ours.argmax())
        logits = [way.feed([token])[-1] for way in ways]
    return worst


def after(length: int, read: Callable[[list[int]], int], step: Callable[[int], int]) -> float:
    """Tokens a second of `STEPS` greedy steps after so many tokens, the best of a few times."""
    best = 0.0
    for _ in range(TRIES):
        token = read([5 + at % 90 for at in range(length)])
        began = _synchronised()
        for _ in range(STEPS):
            token = step(token)
        best = max(best, STEPS / (_synchronised() - began))
    return best


def held_out(codec: Any, known: int) -> list[list[int]]:
    """Passages that no model here was trained on, as ids below `known`."""
    texts = [codec.encode(text)[:128] for text in reference("passage")[:PASSAGES]]
    return [[one % known for one in ids] for ids in texts if len(ids) > 1]


@torch.inference_mode()
def mean_apart(model: Any, steps: LeanSteps, texts: list[list[int]]) -> float:
    """Mean KL, nats a token, of what the model's own forward gives for `texts` to what steps do."""
    found = []
    for ids in texts:
        true = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        steps.forget()
        ours = torch.cat([steps.step(token) for token in ids]).log_softmax(-1)
        found.append((true.exp() * (true - ours)).sum(-1))
    return float(torch.cat(found).mean())


def lean_ways(model: Any, codec: Any, window: int, prompt: list[int]) -> dict[str, Lean]:
    """Every way that this machine has and this model takes, by its mode."""
    family = FAMILIES[type(model).__name__]
    texts, found = held_out(codec, model.config.vocab_size), {}
    for way in ranked(family.shapes(model, window), lean.MOST):
        steps = build(model, way)
        session = Session(model, "cpu", steps)

        def read(ids: list[int], session: Session = session) -> int:
            session.forget()
            return int(session.read(ids, lambda: False, lambda done, of: None).argmax())

        def step(token: int, session: Session = session) -> int:
            return int(session.feed([token])[-1].argmax())

        found[steps.mode] = Lean(
            speed(session, codec, prompt),
            mean_apart(model, steps, texts),
            {length: after(length, read, step) for length in LENGTHS},
        )
    return found


def bandwidth(device: str) -> float:
    """Bytes a second that this machine's memory gives when it is only read."""
    data = torch.ones(2**28 if device == "cuda" else 2**27, device=device)
    data.sum()
    return data.numel() * 4 / min(_timed(data.sum)[0] for _ in range(5))


def measure(folder: str, quantisation: str, window: int) -> Measured:
    loading.settle_in()
    opened = loading.open_model(ModelRef("measured", "1", folder, quantisation, window, STYLE))
    model, name = opened.base, opened.device.name
    prompt = opened.codec.encode(SAID * window)[: window // 2]
    counted = sum(one.numel() * one.element_size() for one in model.parameters())
    plain = speed(Session(model, name), opened.codec, prompt)
    captured, furthest = None, None
    ways: dict[str, Lean] = {}
    chosen = ""
    if name == "cuda":
        steps = Captured(model, window)
        with torch.inference_mode():
            furthest = apart(model, name, steps, prompt[:64])
        captured = speed(Session(model, name, steps), opened.codec, prompt)
    else:
        taken = lean_steps(model, window)
        chosen = taken.mode if taken is not None else ""
        ways = lean_ways(model, opened.codec, window, prompt) if taken is not None else {}
        del taken
    peak = torch.cuda.max_memory_reserved() / 1e6 if name == "cuda" else peak_mb()
    count = TURN.outline_tokens + TURN.prose_tokens
    limit = bandwidth(name) / counted
    rate = bare(slow(model), prompt, count)
    return Measured(limit, rate, plain, captured, furthest, peak, ways, chosen)


if __name__ == "__main__":
    folder, quantisation, window = sys.argv[1:]
    print(msgspec.json.encode(measure(folder, quantisation, int(window))).decode())
