"""What other programs get is what wrote here: the same logits, names and tokens."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from gguf import GGUFReader, TokenType
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from talecraft.errors import AdapterError, EngineError, UsageError
from talecraft.exporting import __main__ as child
from talecraft.formats import gguf_files, vocabulary
from talecraft.formats.weights import Weights
from talecraft.process.export import export

IDS = torch.tensor([[2, 301, 402, 503, 604, 3, 88, 99]])


def hear(done, total):
    pass


def test_a_peft_folder_is_the_adapter_itself(small):
    folder, made = small.export("peft")
    base = AutoModelForCausalLM.from_pretrained(small.model.folder, dtype=torch.float32)
    with torch.no_grad():
        theirs = PeftModel.from_pretrained(base, folder).eval()(IDS).logits
    torch.testing.assert_close(theirs, small.logits(IDS).float(), rtol=1e-4, atol=1e-4)
    assert (
        json.loads((folder / "adapter_config.json").read_bytes())["base_model_name_or_path"]
        == "who/what"
    )
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in folder.iterdir())
    assert made.size == sum(file.stat().st_size for file in folder.iterdir())


def test_merged_weights_say_what_model_and_adapter_say(small):
    folder, made = small.export("merged")
    whole = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        theirs = whole(IDS).logits
    rough = 0.1 if made.precision == "BF16" else 1e-3
    torch.testing.assert_close(theirs, small.logits(IDS).float(), rtol=rough, atol=rough)
    assert (theirs - small.logits(IDS, bare=True).float()).abs().max() > 5 * rough
    assert {f.name for f in folder.glob("*.safetensors")} == {
        f.name for f in Path(small.model.folder).glob("*.safetensors")
    }
    assert AutoTokenizer.from_pretrained(folder)("an owl").input_ids


def tensors(path):
    return {one.name: np.array(one.data) for one in GGUFReader(path).tensors}


def test_gguf_holds_every_weight_by_llama_cpps_names(small):
    path, made = small.export("gguf", child=True)
    assert made.precision == "F32"
    held = tensors(path)
    with Weights(Path(small.model.folder), Path(small.adapter.folder)) as weights:
        kind = gguf_files.Kind.of(Path(small.model.folder))
        assert set(held) == {kind.name(name) for name in weights}
        embeddings = next(
            name for name in weights if name.endswith(("embed_tokens.weight", "wte.weight"))
        )
        assert np.array_equal(held["token_embd.weight"], weights[embeddings].float().numpy())
        rows = kind.config.get("num_key_value_heads", 0)
        for name in weights:
            ours = weights[name].float().numpy()
            theirs = held[kind.name(name)]
            if name.endswith("k_proj.weight"):  # pairs back into halves
                each = len(ours) // rows
                theirs = np.concatenate(
                    [np.r_[head[0::2], head[1::2]] for head in theirs.reshape(rows, each, -1)]
                )
            elif name.endswith(("c_attn.weight", "c_fc.weight", "c_proj.weight")):
                theirs = theirs.T
            elif name.endswith("q_proj.weight"):
                continue
            assert np.array_equal(theirs, ours), name


def test_an_adapter_in_gguf_scales_as_ours_does(small):
    path, _ = small.export("gguf-adapter")
    reader = GGUFReader(path)
    assert reader.get_field("general.type").contents() == "adapter"
    held = tensors(path)
    with Weights(Path(small.model.folder), Path(small.adapter.folder)) as weights:
        assert len(held) == 2 * len(weights.lora)
        alpha = reader.get_field("adapter.lora.alpha").contents()
        for name, change in weights.lora.items():
            known = gguf_files.Kind.of(Path(small.model.folder)).name(name)
            a, b = held[f"{known}.lora_a"], held[f"{known}.lora_b"]
            assert (a.shape, b.shape) == (tuple(change.a.shape), tuple(change.b.shape))
            assert alpha / len(a) == pytest.approx(change.scale)
            assert np.linalg.norm(b @ a) == pytest.approx(
                float((change.b @ change.a).norm()), rel=1e-5
            )


def test_tokens_keep_their_ids_kinds_and_merges(bundled):
    path, _ = bundled.export("gguf", bare=True)
    reader = GGUFReader(path)
    table = json.loads((Path(bundled.model.folder) / "tokenizer.json").read_bytes())["model"]
    texts = reader.get_field("tokenizer.ggml.tokens").contents()
    kinds = reader.get_field("tokenizer.ggml.token_type").contents()
    assert [texts.index(text) for text in ("<pad>", "<eos>", "<prompt>", "<think>")] == [0, 1, 2, 3]
    assert kinds[3] == TokenType.CONTROL
    assert kinds[texts.index("Ġthe")] == TokenType.NORMAL
    merges = [" ".join(one) for one in table["merges"]]
    assert reader.get_field("tokenizer.ggml.merges").contents() == merges
    assert reader.get_field("tokenizer.ggml.pre").contents() == "gpt-2"
    assert reader.get_field("tokenizer.ggml.eos_token_id").contents() == 1
    assert not reader.get_field("tokenizer.ggml.add_bos_token").contents()
    assert reader.get_field("general.license").contents() == "MIT"


def test_a_tokenizer_with_bytes_to_fall_back_on_has_scores_in_the_order_of_its_merges(tmp_path):
    vocab = {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁": 3, "o": 4, "w": 5, "l": 6, "▁o": 7, "▁ow": 8}
    table = {
        "model": {
            "type": "BPE", "vocab": vocab, "merges": [["▁", "o"], ["▁o", "w"]],
            "byte_fallback": True, "unk_token": "<unk>",
        },
        "added_tokens": [{"id": 1, "content": "<s>", "special": True}],
        "pre_tokenizer": None,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}]},
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(table))
    made = vocabulary.read(tmp_path, 10)
    assert (made.model, made.space_first) == ("llama", True)
    assert made.scores[7] > made.scores[8] > made.scores[4]
    assert made.kinds[:4] == [
        TokenType.UNKNOWN, TokenType.CONTROL, TokenType.BYTE, TokenType.NORMAL,
    ]  # fmt: skip
    assert (made.texts[9], made.kinds[9]) == ("[PAD9]", TokenType.UNUSED)


@pytest.mark.parametrize(("space_first", "known"), [(False, "llama-bpe"), (True, None)])
def test_how_llama_3_cuts_text_is_known_and_a_cut_near_to_it_is_not(space_first, known):
    (pattern,) = vocabulary._PATTERNS
    before = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"},
            {"type": "ByteLevel", "add_prefix_space": space_first, "use_regex": False},
        ],
    }
    if known is not None:
        assert vocabulary._cut(before) == known
        return
    with pytest.raises(UsageError, match="cuts text"):
        vocabulary._cut(before)


def copy_of(small, tmp_path, **changes):
    """The model with another config.json."""
    folder = tmp_path / "model"
    shutil.copytree(small.model.folder, folder)
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(config | changes))
    model = msgspec.structs.replace(small.model, folder=str(folder))
    return replace(small, model=model, place=tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM cannot be written as GGUF"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "scaled by 'yarn'"),
        ({"num_hidden_layers": 1, "n_layer": 1}, "has no name in GGUF"),
    ],
)
def test_what_gguf_cannot_hold_is_refused_in_words_and_leaves_nothing(
    bundled, tmp_path, changes, words
):
    odd = copy_of(bundled, tmp_path, **changes)
    with pytest.raises(UsageError, match=words):
        odd.export("gguf")
    assert {entry.name for entry in tmp_path.iterdir()} == {"model"}


def test_the_bare_model_is_no_adapter(bundled):
    for form in ("peft", "gguf-adapter"):
        with pytest.raises(UsageError, match="no adapter"):
            bundled.export(form, bare=True)


def test_a_damaged_adapter_is_not_handed_on(small, tmp_path):
    folder = tmp_path / "adapter"
    shutil.copytree(small.adapter.folder, folder)
    file = folder / "adapter_model.safetensors"
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)
    adapter = msgspec.structs.replace(small.adapter, folder=str(folder))
    order = msgspec.structs.replace(
        small.order("peft"), adapter=adapter, target=str(tmp_path / "out")
    )
    with pytest.raises(UsageError, match="damaged"):
        export(order, lambda event: None)
    assert {entry.name for entry in tmp_path.iterdir()} == {"adapter"}


def test_an_adapter_of_another_kind_is_refused(bundled, tmp_path):
    folder = tmp_path / "adapter"
    shutil.copytree(bundled.adapter.folder, folder)
    config = json.loads((folder / "adapter_config.json").read_bytes())
    (folder / "adapter_config.json").chmod(0o600)
    (folder / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    with pytest.raises(AdapterError, match="use_dora"):
        Weights(Path(bundled.model.folder), folder)


def test_a_full_disk_leaves_nothing(bundled, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gguf_files.GGUFWriter, "write_tensor_data", full)
    order = msgspec.structs.replace(bundled.order("gguf"), target=str(tmp_path / "out.gguf"))
    with pytest.raises(OSError, match="No space"):
        child.carry_out(order, hear)
    assert not list(tmp_path.iterdir())


def test_a_killed_child_is_told_of(bundled, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "talecraft.process.export.COMMAND", ("sh", "-c", "cat >/dev/null; kill -9 $$")
    )
    with pytest.raises(EngineError, match="failed"):
        export(bundled.order("peft"), lambda event: None)
    assert os.listdir(tmp_path) == []
