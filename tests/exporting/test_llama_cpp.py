"""llama.cpp goes on with the same tokens. Only where it is installed: it is compiled at length."""

import ctypes

import numpy as np
import pytest
import torch

from talecraft.config.assets import reference
from talecraft.engine.loading import load_tokenizer

llama_cpp = pytest.importorskip("llama_cpp")
PROMPT = "<prompt>\nA shy fox learns to share.\n<think>\n"
COUNT = 32
PASSAGES = reference("passage")[:40]


def ours(taught, bare):
    ids = load_tokenizer(taught.model)(PROMPT).input_ids
    written: list[int] = []
    for _ in range(COUNT):
        logits = taught.logits(torch.tensor([ids + written]), bare)
        written.append(int(logits[0, -1].argmax()))
    return ids, written


def theirs(path, adapter=None):
    model = llama_cpp.Llama(str(path), n_ctx=256, logits_all=True, verbose=False, n_threads=1)
    if adapter is not None:
        lora = llama_cpp.llama_adapter_lora_init(model.model, str(adapter).encode())
        assert lora
        scales = (ctypes.c_float * 1)(1.0)
        assert not llama_cpp.llama_set_adapters_lora(model.ctx, (type(lora) * 1)(lora), 1, scales)
    ids = model.tokenize(PROMPT.encode(), add_bos=False, special=True)
    model.eval(ids)
    written = []
    for _ in range(COUNT):
        written.append(int(np.argmax(model.scores[model.n_tokens - 1])))
        model.eval(written[-1:])
    return ids, written


def test_the_bare_model_goes_on_alike(bundled):
    assert theirs(bundled.export("gguf", bare=True)[0]) == ours(bundled, bare=True)


def test_the_merged_model_goes_on_alike(bundled):
    assert theirs(bundled.export("gguf")[0]) == ours(bundled, bare=False)


def test_the_adapter_over_the_bare_model_goes_on_alike(bundled):
    base, _ = bundled.export("gguf", bare=True)
    assert theirs(base, bundled.export("gguf-adapter")[0]) == ours(bundled, bare=False)
    assert theirs(base) == ours(bundled, bare=True) != ours(bundled, bare=False)


def test_small_models_of_each_kind_go_on_alike(small):
    assert theirs(small.export("gguf")[0]) == ours(small, bare=False)


def test_stories_are_cut_into_the_same_tokens(bundled):
    """With line ends of every kind, numbers, names and what is between them."""
    path, _ = bundled.export("gguf", bare=True)
    model = llama_cpp.Llama(str(path), n_ctx=64, vocab_only=True, verbose=False)
    tokenizer = load_tokenizer(bundled.model)
    said = "\"It's 12 o'clock,\" said Älva.\n\nShe ran.\n  And 1,024 more?\n\n\nYes — \n \n'twas.\n"
    stories = [f"<story>\n{said}", *(f"<prompt>\n{one}\n\n{one}\n{one}" for one in PASSAGES)]
    for text in stories:
        theirs = model.tokenize(text.encode(), add_bos=False, special=True)
        assert theirs == tokenizer(text).input_ids
