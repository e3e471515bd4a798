"""Lean steps on a CPU: the model's own numbers, over one cache with its forward."""

from __future__ import annotations

import gc
import logging
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)
from transformers.pytorch_utils import Conv1D

from talecraft.config import lean
from talecraft.engine import afresh as fresh
from talecraft.engine import kernels, products
from talecraft.engine.cache import empty_cache
from talecraft.engine.lean import choice, compiled
from talecraft.engine.lean.choice import build, distance, lean_steps
from talecraft.engine.lean.products import WAYS, Way, order, ranked
from talecraft.engine.lean.steps import LeanSteps
from talecraft.engine.lean.store import BLOCK
from talecraft.engine.lean.weights import rounded
from talecraft.engine.session import Session

VOCABULARY = 97
SHORT = 4e-3  # what rounding keys and values to 16 bits moves logits by, which spread by 1.5
SURE = 0.2  # spread of the weights: as sure of its words as a trained model


def _llama(kind: Any = LlamaForCausalLM, **given: Any) -> Any:
    make = {LlamaForCausalLM: LlamaConfig, MistralForCausalLM: MistralConfig}[kind]
    sizes = {
        "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 96,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 512, "initializer_range": SURE,
    }  # fmt: skip
    torch.manual_seed(0)
    return _moved(kind(make(**sizes | given)))


def _mistral(**given: Any) -> Any:
    return _llama(MistralForCausalLM, **given)


def _gpt2(**given: Any) -> Any:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": VOCABULARY, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512,
        "bos_token_id": 0, "eos_token_id": 0, "initializer_range": SURE,
    }  # fmt: skip
    return _moved(GPT2LMHeadModel(GPT2Config(**sizes | given)))


def _moved(model: Any) -> Any:
    """Biases and gains as well are then numbers of their own."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def _adapted(model: Any, **given: Any) -> Any:
    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"} | given
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def _steps(model: Any, way: str = "fp32") -> LeanSteps:
    base = choice.base_of(model)
    return build(base, next(one for one in WAYS if one.name == way))


def _read(session: Session, ids: list[int]) -> torch.Tensor:
    return session.read(ids, lambda: False, lambda done, of: None)


def _long_way(session: Session) -> torch.Tensor:
    """Logits along steps, more than a block of them, a rewind and a new start; (n, vocabulary)."""
    ids = torch.randint(0, VOCABULARY, (300,), generator=torch.Generator().manual_seed(0)).tolist()
    seen = [_read(session, ids[: BLOCK - 20])]
    seen += [session.feed([token])[-1] for token in ids[BLOCK - 20 : BLOCK + 30]]
    session.rewind(20)
    seen += [session.feed(some)[-1] for some in ([5], [6, 7, 8], [9])]
    seen.append(_read(session, [*session.ids[:15], 4, 4]))
    seen.append(session.feed([9])[-1])
    session.forget()
    seen += [_read(session, ids[:30]), session.feed([9])[-1]]
    return torch.stack(seen)


MODELS: dict[str, Callable[[], Any]] = {
    "llama": _llama,
    "one head of keys": lambda: _llama(num_key_value_heads=1),
    "a head of keys for each": lambda: _llama(num_key_value_heads=4),
    "wide heads": lambda: _llama(head_dim=32),
    "tied": lambda: _llama(tie_word_embeddings=True),
    "biases": lambda: _llama(attention_bias=True, mlp_bias=True),
    "linear": lambda: _llama(
        rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}
    ),
    "llama 3": lambda: _llama(
        rope_parameters={
            "rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
        }
    ),
    "yarn": lambda: _llama(
        rope_parameters={
            "rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    ),
    "mistral": lambda: _mistral(sliding_window=512),
    "gpt2": _gpt2,
    "gpt2, untied": lambda: _gpt2(tie_word_embeddings=False),
    "gpt2, scaled by layer": lambda: _gpt2(scale_attn_by_inverse_layer_idx=True),
    "llama, adapted": lambda: _adapted(_llama()),
    "gpt2, adapted": lambda: _adapted(_gpt2(), fan_in_fan_out=True),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_the_models_own(name: str) -> None:
    model = MODELS[name]()
    theirs = _long_way(Session(model, "cpu"))
    ours = _long_way(Session(model, "cpu", _steps(model)))
    assert theirs.std() > 0.5  # or anything would be close
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in MODELS if "adapted" not in name])
def test_compiled_steps_of_a_rounded_model_are_its_own(name: str) -> None:
    """Where rounding to 8 bits changes nothing they change nothing else, but that keys and values
    are of 16."""
    model = _rounded(MODELS[name]())
    theirs = _long_way(Session(model, "cpu"))
    ours = _long_way(Session(model, "cpu", _steps(model, "compiled")))
    assert theirs.std() > 0.5
    torch.testing.assert_close(ours, theirs, atol=SHORT, rtol=1e-4)


@torch.no_grad()
def _rounded(model: Any) -> Any:
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            whole, scale = rounded(layer.weight)
            layer.weight.copy_(whole * scale[:, None])
        elif isinstance(layer, Conv1D):
            whole, scale = rounded(layer.weight.t())
            layer.weight.copy_((whole * scale[:, None]).t())
    return model


@pytest.mark.parametrize("name", ["llama", "one head of keys", "yarn", "mistral", "gpt2"])
@pytest.mark.parametrize("count", [1, 2, 4, 7])
@torch.inference_mode()
def test_a_step_of_many_rows_is_the_models_own(name: str, count: int) -> None:
    """Rows of several lengths, over more than a block; some leave, some take tokens back."""
    model = _rounded(MODELS[name]())
    steps = _steps(model, "compiled").for_all()
    assert steps is not None
    caches = [steps.cache, empty_cache(model)]
    draw = torch.Generator().manual_seed(count)
    mask = torch.ones(count, 20, dtype=torch.long)
    for row in range(count):
        mask[row, : 3 * (row % 4)] = 0
    ids = torch.randint(0, VOCABULARY, mask.shape, generator=draw)
    places = (mask.cumsum(1) - 1).clamp(min=0)
    for cache in caches:
        model(input_ids=ids, attention_mask=mask, position_ids=places, cache=cache, use_cache=True)
    place = places[:, -1]
    for at in range(BLOCK):
        token = torch.randint(0, VOCABULARY, (len(mask),), generator=draw)
        mask, place = torch.cat([mask, torch.ones_like(mask[:, :1])], 1), place + 1
        theirs = model(
            input_ids=token[:, None], attention_mask=mask, position_ids=place[:, None],
            cache=caches[1], use_cache=True,
        ).logits[:, -1]  # fmt: skip
        torch.testing.assert_close(
            steps.step_all(token, place, mask), theirs, atol=SHORT, rtol=1e-4
        )
        if at == 30:
            mask[0, -2:] = 0
            place[0] -= 2
        if at == 60 and count > 2:
            kept = torch.tensor([2, 0])
            mask, place = mask[kept], place[kept]
            for cache in caches:
                cache.batch_select_indices(kept)


def test_only_compiled_steps_are_of_many_rows() -> None:
    assert _steps(_llama()).for_all() is None


def test_many_rows_of_a_large_model_are_for_many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean, "SMALL", 1000)
    steps = _steps(_llama(), "compiled")
    for cores, given in ((1, True), (2, True), (8, False)):
        monkeypatch.setattr(torch, "get_num_threads", lambda cores=cores: cores)
        assert (steps.for_all() is not None) is given


@pytest.mark.parametrize("name", ["llama", "mistral", "gpt2", "biases", "gpt2, adapted"])
@pytest.mark.parametrize(
    ("way", "most"), [("fp32", 1e-7), ("fp16", 1e-5), ("compiled", 1e-3), ("int8", 2e-3)]
)
def test_what_rounding_costs(name: str, way: str, most: float) -> None:
    model = MODELS[name]()
    try:
        steps = _steps(model, way)
    except RuntimeError:
        pytest.skip(f"this build of torch has no {way}")
    assert abs(distance(model, steps)) < most
    assert steps.mode == f"lean-{way}"
    assert steps.store.length == 0


def test_a_model_in_bfloat16_keeps_its_keys_in_float32() -> None:
    model = _llama().bfloat16()
    steps = _steps(model)
    session = Session(model, "cpu", steps)
    _read(session, [5, 6, 7])
    assert session.feed([8]).dtype == steps.store.data.dtype == torch.float32
    assert distance(model, steps) < 5e-3


def test_only_what_differs_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _llama()
    steps = _steps(model)
    session = Session(model, "cpu", steps)
    read: list[int] = []
    stepped: list[int] = []
    forward, step = model.forward, steps.step

    def reads(input_ids: torch.Tensor, **given: Any) -> Any:
        read.append(input_ids.shape[1])
        return forward(input_ids=input_ids, **given)

    def steps_on(token: int) -> torch.Tensor:
        stepped.append(token)
        return step(token)

    monkeypatch.setattr(model, "forward", reads)
    monkeypatch.setattr(steps, "step", steps_on)
    _read(session, list(range(40)))
    for token in (7, 8, 9):
        session.feed([token])
    # A retry reads its last token again; a turn after it what the writer wrote.
    fresh = _read(session, list(range(40)))
    session.feed([7])
    _read(session, [*range(40), 7, 11, 12])
    assert (read, stepped) == ([40, 1, 2], [7, 8, 9, 7])
    torch.testing.assert_close(fresh, _read(Session(model, "cpu"), list(range(40))))


def test_a_step_that_fails_costs_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _llama()
    steps = _steps(model)
    plain, session = Session(model, "cpu"), Session(model, "cpu", steps)
    for one in (plain, session):
        _read(one, [5, 6, 7])
        one.feed([8])

    def fails(token: int) -> torch.Tensor:
        raise RuntimeError("can't allocate memory")

    monkeypatch.setattr(steps, "step", fails)
    for token in (9, 10):
        torch.testing.assert_close(session.feed([token]), plain.feed([token]))
    assert (session.mode, session.ids) == ("eager", plain.ids)


def test_beyond_its_positions_a_model_says_so() -> None:
    model = _gpt2()
    session = Session(model, "cpu", _steps(model))
    _read(session, [1] * 512)
    with pytest.raises((IndexError, RuntimeError)):
        session.feed([1])
    assert session.ids == []


# ---------------------------------------------------------------------- what has lean steps
@pytest.mark.parametrize("make", [_llama, _gpt2])
def test_what_writes_leanly_says_how(make: Any) -> None:
    steps = lean_steps(make(), 256)
    assert steps is not None
    assert steps.mode in {f"lean-{way.name}" for way in WAYS}
    assert steps.store.length == 0


def test_the_model_keeps_its_weights() -> None:
    model = _adapted(_gpt2(), fan_in_fan_out=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    steps = lean_steps(model, 256)
    assert steps is not None
    steps.step(3)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_another_adapter_has_steps_of_its_own() -> None:
    model = _llama()
    bare = lean_steps(model, 256)
    adapted = lean_steps(_adapted(model), 256)
    assert bare is not None
    assert adapted is not None
    apart = (bare.step(3) - adapted.step(3)).abs().max()
    assert apart > 0.1


DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
UNFIT: dict[str, tuple[Callable[[], Any], str]] = {
    "forgets": (lambda: _mistral(sliding_window=64), "forgets after 64"),
    "changing frequencies": (lambda: _llama(rope_parameters=DYNAMIC), "change with"),
    "looks at another text": (lambda: _gpt2(add_cross_attention=True), "another text"),
    "another family": (lambda: torch.nn.Linear(2, 2), "a Linear has none"),
    "DoRA": (lambda: _adapted(_llama(), use_dora=True), "more than A and B"),
    "an adapted embedding": (
        lambda: _adapted(_llama(), target_modules=["embed_tokens", "q_proj"]),
        "an embedding is",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_has_no_lean_steps_writes_on(name: str, caplog: pytest.LogCaptureFixture) -> None:
    make, why = UNFIT[name]
    with caplog.at_level(logging.INFO):
        assert lean_steps(make(), 256) is None
    assert why in caplog.text


def test_quantised_and_large_models_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model = _llama()
    monkeypatch.setattr(lean, "MOST", 1000)
    assert lean_steps(model, 256) is None
    assert "too large" in caplog.text
    model.quantization_method = "bitsandbytes"
    assert lean_steps(model, 256) is None
    assert "quantised" in caplog.text


def test_wrong_numbers_are_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The quickest way that computes what the model does; where none does, the model itself."""
    model = _llama()
    broken = Way("broken", 2, lambda weight, bias: WAYS[0].make(weight + 0.05, bias))
    monkeypatch.setattr(choice, "ranked", lambda shapes, most: (broken, WAYS[0]))
    found = lean_steps(model, 256)
    assert found is not None
    assert found.mode == "lean-fp32"
    assert "lean-broken is" in caplog.text
    monkeypatch.setattr(choice, "ranked", lambda shapes, most: (broken,))
    assert lean_steps(model, 256) is None


@pytest.mark.parametrize("error", [EOFError(), MemoryError(), OSError(28, "disk full")])
def test_a_way_that_fails_leaves_the_others(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Code that was compiled before and is damaged raises whatever its reader does."""

    def fails(*given: Any) -> Any:
        raise error

    monkeypatch.setattr(compiled, "llama_step", fails)
    ways = next(way for way in WAYS if way.fused), WAYS[0]
    monkeypatch.setattr(choice, "ranked", lambda shapes, most: ways)
    steps = lean_steps(_llama(), 256)
    assert steps is not None
    assert steps.mode == "lean-fp32"
    assert "compiled steps failed" in caplog.text
    monkeypatch.setattr(kernels, "row_product", fails)
    assert products._row_kernel.__wrapped__() is None


def test_code_that_is_damaged_is_compiled_anew_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("kernels.a.nbi", "kernels.a.nbc", "kernels.cpython-311.pyc", "others.a.nbi"):
        (tmp_path / name).touch()
    monkeypatch.setattr(fresh, "kept", lambda: tmp_path)

    def use() -> str:
        if (tmp_path / "kernels.a.nbi").exists():
            raise EOFError
        return "worked"

    assert fresh.afresh(use) == "worked"
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "kernels.cpython-311.pyc",
        "others.a.nbi",
    ]

    def never() -> str:
        raise OSError(28, "disk full")

    with pytest.raises(OSError, match="disk full"):
        fresh.afresh(never)


@torch.inference_mode()
def test_keys_and_values_of_a_batch_are_free_when_it_is() -> None:
    """At once: gigabytes would wait for a collector that hardly ever comes."""
    model = _llama()
    steps = _steps(model, "compiled").for_all()
    assert steps is not None
    store = weakref.ref(steps.store)  # type: ignore[attr-defined]
    cache = steps.cache
    model(input_ids=torch.tensor([[1, 2]]), cache=cache, use_cache=True)
    gc.disable()
    try:
        del steps, cache
        assert store() is None
    finally:
        gc.enable()


@torch.inference_mode()
def test_other_rows_than_the_cache_holds_are_refused() -> None:
    """The kernels look at no bounds."""
    model = _llama()
    steps = _steps(model, "compiled").for_all()
    assert steps is not None
    model(input_ids=torch.tensor([[1, 2], [3, 4]]), cache=steps.cache, use_cache=True)
    places, mask = torch.tensor([2, 2]), torch.ones(2, 3)
    for tokens, seen in ((torch.tensor([1]), mask), (torch.tensor([1, 2]), mask[:, :2])):
        with pytest.raises(RuntimeError, match="other rows"):
            steps.step_all(tokens, places[: len(tokens)], seen.long())


def test_numbers_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Way("broken", 2, lambda weight, bias: WAYS[0].make(weight * float("nan"), bias))
    monkeypatch.setattr(choice, "ranked", lambda shapes, most: (broken,))
    assert lean_steps(_llama(), 256) is None


def test_a_model_too_short_to_be_checked_writes_on() -> None:
    assert lean_steps(_gpt2(n_positions=16), 16) is None


def test_a_coarser_way_has_to_be_worth_it() -> None:
    fp32, fp16, compiled, int8 = WAYS
    finer = [(1.0, fp32), (0.9, fp16)]
    assert order([*finer, (0.7, compiled), (0.6, int8)]) == (compiled, int8, fp16, fp32)
    assert order([*finer, (0.8, compiled), (0.5, int8)]) == (int8, fp16, compiled, fp32)
    assert order([(1.0, fp32), (0.98, fp16), (0.55, int8)]) == (int8, fp32, fp16)
    assert order([(1.0, fp32), (0.98, fp16), (0.8, int8)]) == (fp32, fp16, int8)
    assert order([(1.0, fp32), (0.5, fp16), (0.45, int8)]) == (fp16, int8, fp32)
    assert order([]) == ()


def test_without_numba_there_are_the_other_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "talecraft.engine.kernels", None)  # cannot be imported
    monkeypatch.delitem(sys.modules, "talecraft.engine.lean.packing", raising=False)
    found = {way.name for way in ranked(((40, 64), (97, 40)), 1e6)}
    assert "fp32" in found
    assert "compiled" not in found
    assert products._row_kernel.__wrapped__() is None


def test_an_activation_that_is_not_compiled_is_written_otherwise() -> None:
    for model in (_llama(hidden_act="gelu"), _gpt2(activation_function="relu")):
        steps = lean_steps(model, 256)
        assert steps is not None
        assert steps.mode != "lean-compiled"


def test_ways_are_those_that_fit_and_that_this_machine_has() -> None:
    shapes = ((40, 64), (96, 40))
    weights = 40 * 64 + 96 * 40
    assert {"compiled"} <= {way.name for way in ranked(shapes, weights)} <= {"compiled", "int8"}
    assert ranked(shapes, weights - 1) == ()
    assert "fp32" in {way.name for way in ranked(shapes, 4 * weights)}
