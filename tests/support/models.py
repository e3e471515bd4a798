"""Real models for tests: the bundled one, and a tiny random one of the same architecture."""

from __future__ import annotations

from functools import cache

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from talecraft.config import models
from talecraft.engine import loading
from talecraft.engine.codec import Codec
from talecraft.paths import home
from talecraft.process.messages import ModelRef


def bundled_ref(lean: bool = False) -> ModelRef:
    """The bundled model as a child is told of it; by its own forward, unless steps are `lean`."""
    here = home()
    catalogue = models.load(here)
    spec = catalogue.default
    return ModelRef(
        spec.id,
        spec.revision,
        str(catalogue.folder(spec, here)),
        spec.quantisation,
        spec.context_length,
        catalogue.style(spec),
        lean=lean,
    )


def bundled_base():
    """A fresh copy of the bundled model, for tests that change it."""
    return loading.load_base(bundled_ref())[0]


@cache
def shared_base():
    """One copy of the bundled model for tests that only look."""
    return bundled_base()


@cache
def tokenizer():
    return loading.load_tokenizer(bundled_ref())


def codec() -> Codec:
    return Codec(tokenizer(), bundled_ref().style, loading.end_ids(shared_base(), tokenizer()))


def tiny_llama(seed: int = 0) -> LlamaForCausalLM:
    """Two layers of random weights over a vocabulary of 97: quick, and not all alike."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        eos_token_id=1,
    )
    return LlamaForCausalLM(config).eval()


# Another model of the catalogue, in a `folder`.
SECOND = """[[model]]
id = "second"
title = "Second"
source = "local"
location = "{folder}"
revision = "1"
context_length = 1024
licence = "MIT"
parameters = "124 M"
style = "plain"
"""
