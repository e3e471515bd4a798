"""Steps over a cache at one address: the same numbers as the model's own forward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from talecraft.engine.captured import Captured
from talecraft.engine.session import Session, open_session

CAPACITY = 600  # beyond the first window of 512


def _llama() -> Any:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=3,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=CAPACITY,
        )
    )  # fmt: skip


def _gpt2() -> Any:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=97, n_embd=64, n_layer=2, n_head=4, n_positions=CAPACITY,
            bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip


def _apart(model: Any, device: str) -> float:
    """The largest difference of logits on one long way with steps, a rewind and a new start."""
    model = model.to(device).eval()
    ids = torch.randint(0, 97, (540,), generator=torch.Generator().manual_seed(0)).tolist()
    found = []
    for session in (
        Session(model, device),
        Session(model, device, Captured(model, CAPACITY, device)),
    ):
        seen = [session.read(ids[:490], lambda: False, lambda done, of: None)]
        seen += [session.feed([token])[-1] for token in ids[490:]]  # over the first window's end
        session.rewind(20)
        seen += [session.feed(some)[-1] for some in ([5], [6, 7, 8], [9])]
        session.forget()
        seen.append(session.read(ids[:30], lambda: False, lambda done, of: None))
        seen.append(session.feed([9])[-1])
        found.append(torch.stack(seen))
    return float((found[0] - found[1]).abs().max())


@pytest.mark.parametrize("make", [_llama, _gpt2])
def test_steps_are_the_models_own(make: Any) -> None:
    torch.manual_seed(0)
    assert _apart(make(), "cpu") < 1e-5


@pytest.mark.gpu
@pytest.mark.parametrize("make", [_llama, _gpt2])
def test_recorded_steps_are_the_models_own(make: Any) -> None:
    torch.manual_seed(0)
    assert _apart(make(), "cuda") < 1e-3


def test_layers_that_forget_are_refused() -> None:
    model = MistralForCausalLM(
        MistralConfig(
            vocab_size=97, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, sliding_window=16,
        )
    )  # fmt: skip
    with pytest.raises(ValueError, match="keep all"):
        Captured(model, CAPACITY, "cpu")


def test_a_full_cache_says_so() -> None:
    steps = Captured(model := _llama().eval(), 8, "cpu")
    session = Session(model, "cpu", steps)
    session.read([1] * 8, lambda: False, lambda done, of: None)
    with pytest.raises(ValueError, match="8 tokens"):
        session.feed([1])


def test_a_recording_that_fails_costs_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is read again, and the model's own forward goes on."""
    torch.manual_seed(0)
    model = _llama().eval()
    steps = Captured(model, CAPACITY, "cpu")
    plain, session = Session(model, "cpu"), Session(model, "cpu", steps)
    ids = [5, 6, 7, 8]
    for one in (plain, session):
        one.read(ids, lambda: False, lambda done, of: None)
    assert session.mode == "captured"
    done = iter([None])

    def fails(token: int) -> torch.Tensor:
        if next(done, "spent") == "spent":
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        return Captured.step(steps, token)

    monkeypatch.setattr(steps, "step", fails)
    for token in (9, 10, 11):
        torch.testing.assert_close(session.feed([token]), plain.feed([token]))
    assert (session.mode, session.ids) == ("eager", plain.ids)


def test_steps_are_recorded_on_cuda_alone_and_where_they_can_be() -> None:
    assert open_session(_llama(), "cpu", 100).mode == "eager"
    assert open_session(_llama(), "cpu").mode == "eager"
