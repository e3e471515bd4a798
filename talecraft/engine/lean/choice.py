"""Whether a model's steps are done leanly, and by what; checked against its own forward."""

from __future__ import annotations

import logging
from typing import Any

import torch

from talecraft.config import lean
from talecraft.engine.afresh import afresh
from talecraft.engine.lean.gpt2 import Gpt2Steps
from talecraft.engine.lean.llama import LlamaSteps
from talecraft.engine.lean.products import Way, ranked
from talecraft.engine.lean.steps import LeanSteps
from talecraft.engine.lean.weights import Unfit, base_of
from talecraft.engine.quantising import quantised

FAMILIES: dict[str, type[LlamaSteps] | type[Gpt2Steps]] = {
    **dict.fromkeys(lean.LLAMA, LlamaSteps),
    **dict.fromkeys(lean.GPT2, Gpt2Steps),
}
MOST_APART = 5e-3  # nats a token; what rounding to 8 bits costs is below 2e-3
CHECKED = 16  # tokens
_LOG = logging.getLogger(__name__)


def lean_steps(model: Any, window: int) -> LeanSteps | None:
    """Lean steps of `model` on the CPU, with its adapter or none, in up to `window` tokens.

    None, and a line in the log, where its shape, kind or size has none, where memory runs out, or
    where what they compute is not what the model's own forward does.
    """
    try:
        return _checked(model, window)
    except Unfit as why:
        _LOG.info("no lean steps: %s", why)
    return None


def _checked(model: Any, window: int) -> LeanSteps:
    base = base_of(model)
    family = FAMILIES.get(type(base).__name__)
    if family is None or not type(base).__module__.startswith("transformers."):
        raise Unfit(f"a {type(base).__name__} has none")
    if quantised(base):
        raise Unfit("its weights are quantised")
    with torch.inference_mode():
        ways = ranked(family.shapes(base, window), lean.MOST)
    told = "it is too large"
    for way in ways:
        try:
            steps = build(base, way)
            apart = _tried(model, steps, way)
        except Unfit as why:
            told = f"{why}, which {way.name} steps do not do"
            continue
        except Exception as error:  # memory, a full disk: others may do
            told = f"{way.name} steps failed: {error}"
            _LOG.warning("%s", told)
            continue
        if apart <= MOST_APART:
            return steps
        told = f"{steps.mode} is {apart:.1e} nats a token from the model's own forward"
        _LOG.warning("%s", told)
    raise Unfit(told)


def _tried(model: Any, steps: LeanSteps, way: Way) -> float:
    if not way.fused:
        return distance(model, steps)
    return afresh(lambda: distance(model, steps))


def build(base: Any, way: Way) -> LeanSteps:
    """Steps of a model of one of the families in this way. Raises Unfit, and all sorts of errors
    where this machine does not have it."""
    family = FAMILIES[type(base).__name__]
    if not way.fused:
        return family(base, way)
    from talecraft.engine.lean.compiled import CompiledGpt2, CompiledLlama

    return (CompiledLlama if family is LlamaSteps else CompiledGpt2)(base, way)


@torch.inference_mode()
def distance(model: Any, steps: LeanSteps) -> float:
    """Mean KL of the model's next-token distributions to the steps', nats, over `CHECKED` tokens
    that these write after as many from all over the vocabulary. The cache is empty afterwards."""
    steps.forget()
    vocabulary = model.get_input_embeddings().num_embeddings
    ids = torch.linspace(0, vocabulary - 1, CHECKED).long().tolist()
    model(input_ids=torch.tensor([ids[:-1]]), cache=steps.cache, use_cache=True)
    found = []
    for _ in range(CHECKED):
        found.append(steps.step(ids[-1])[0])
        ids.append(int(found[-1].argmax()))
    steps.forget()
    logits = model(input_ids=torch.tensor([ids[:-1]]), use_cache=False).logits
    true = logits[0, -CHECKED:].float().log_softmax(-1)
    return float((true.exp() * (true - torch.stack(found).log_softmax(-1))).sum(-1).mean())
