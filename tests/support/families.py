"""Small models of the families that Talecraft knows, whole, as they lie on a hub.

Random weights; a tokenizer trained here, of each family's own kind; its chat template's form. Each
is what is particular about its family: grouped queries and a vocabulary of 128k entries, a sliding
window, a tower made of two overlapping ones, transposed weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from talecraft.config.assets import reference
from talecraft.formats.vocabulary import _PATTERNS

WORDS = 700  # tokens that are trained
SURE = 0.15  # spread of the weights: as sure of its words as a trained model
LLAMA_3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content ="
    " '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim"
    " + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + '[/INST]' }}{% elif message['role'] == 'system' %}"
    "{{ raise_exception('Only user and assistant roles are supported!') }}{% else %}"
    "{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
)
SOLAR = (
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ '### User:\n' +"
    " message['content'] + '\n\n' }}{% endif %}{% if message['role'] == 'assistant' %}"
    "{{ '### Assistant:\n' + message['content'] + '\n\n' }}{% endif %}{% if loop.last and"
    " add_generation_prompt %}{{ '### Assistant:\n' }}{% endif %}{% endfor %}"
)


def gpt2(folder: Path) -> None:
    """Conv1D layers, and names without the model's own first one."""
    size = _byte_level(folder, pre_tokenizers.ByteLevel(add_prefix_space=False), "<|endoftext|>")
    config = GPT2Config(
        vocab_size=size, n_positions=512, n_embd=32, n_layer=2, n_head=4,
        initializer_range=SURE, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    _save(GPT2LMHeadModel, config, folder)


def llama_3(folder: Path) -> None:
    """Grouped queries, rope's base, 128,256 entries: most of them words that no text has."""
    (pattern,) = _PATTERNS
    cut = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    names = ("<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>")
    _byte_level(folder, cut, *names, template=LLAMA_3, size=128_256)
    config = LlamaConfig(
        vocab_size=128_256, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        tie_word_embeddings=False, initializer_range=SURE, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    _save(LlamaForCausalLM, config, folder)


def mistral(folder: Path, window: int | None = None) -> None:
    size = _with_bytes(folder, MISTRAL)
    config = MistralConfig(
        vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        sliding_window=window, initializer_range=SURE, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    _save(MistralForCausalLM, config, folder)


def windowed(folder: Path) -> None:
    """A window that a prompt of a few sentences is longer than."""
    mistral(folder, 48)


def solar(folder: Path) -> None:
    """Depth up-scaled (Kim et al., arXiv 2312.15166): of four layers the first three and the last
    three, one on the other."""
    size = _with_bytes(folder, SOLAR)
    config = LlamaConfig(
        vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=6,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        tie_word_embeddings=False, initializer_range=SURE, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(3)
    tower = LlamaForCausalLM(config)
    for upper, lower in ((3, 1), (4, 2)):  # layers 0 1 2 | 1 2 3
        tower.model.layers[upper].load_state_dict(tower.model.layers[lower].state_dict())
    tower.to(torch.bfloat16).save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path], None]] = {
    "gpt2": gpt2,
    "llama-3": llama_3,
    "mistral": mistral,
    "mistral-windowed": windowed,
    "solar": solar,
}


def _save(kind: Any, config: Any, folder: Path) -> None:
    torch.manual_seed(3)
    kind(config).to(torch.bfloat16).save_pretrained(folder)


def _texts() -> list[str]:
    return [*reference("passage"), *reference("prompt")]


def _byte_level(folder: Path, cut: Any, *special: str, template: str = "", size: int = 0) -> int:
    """A tokenizer over bytes, filled up to `size`; returns how many tokens it has. The first
    special one begins a text, the second, or the only one, ends it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = cut, decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, special_tokens=list(special), initial_alphabet=alphabet,
        show_progress=False,
    )  # fmt: skip
    made.train_from_iterator(_texts(), trainer)
    table = json.loads(made.to_str())
    for at in range(made.get_vocab_size(), size):
        table["model"]["vocab"][f"Ġword{at}"] = at
    made = Tokenizer.from_str(json.dumps(table))
    _write(made, folder, special[0], special[min(1, len(special) - 1)], template)
    return made.get_vocab_size()


def _with_bytes(folder: Path, template: str) -> int:
    """A tokenizer as SentencePiece makes them: characters, with bytes to fall back on."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(
        _texts(), trainers.BpeTrainer(vocab_size=WORDS, show_progress=False)
    )
    model = json.loads(trained.to_str())["model"]
    first = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    ordered = sorted(model["vocab"], key=model["vocab"].__getitem__)
    vocab = {token: at for at, token in enumerate([*first, *ordered])}
    merges = [tuple(one) for one in model["merges"]]
    made = Tokenizer(
        models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    _write(made, folder, "<s>", "</s>", template)
    return made.get_vocab_size()


def _write(made: Tokenizer, folder: Path, begin: str, end: str, template: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if template:
        number = made.token_to_id(begin)
        made.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, number)]
        )
    made.save(str(folder / "tokenizer.json"))
    table = {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": begin, "eos_token": end,
        "model_max_length": 512,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(
        json.dumps(table | ({"chat_template": template} if template else {}))
    )
