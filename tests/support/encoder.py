"""A sentence encoder of two small layers, as sentence-transformers saves one."""

from __future__ import annotations

from pathlib import Path

import torch

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tiny_encoder(folder: Path, width: int = 32, window: int = 64) -> Path:
    """Reads letters and a few pieces; its weights are drawn at random, the same each time."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    bert = folder.parent / f"{folder.name}-bert"
    bert.mkdir(parents=True, exist_ok=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    pieces += [f"##{one}" for one in LETTERS] + [
        "the",
        "fox",
        "ran",
        "##s",
        ".",
        ",",
        ";",
        "'",
        "’",
    ]
    vocabulary = {piece: at for at, piece in enumerate(dict.fromkeys(pieces))}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=width, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=2 * width, max_position_embeddings=window,
    )  # fmt: skip
    BertModel(config).eval().save_pretrained(bert)
    BertTokenizerFast(vocab=vocabulary, do_lower_case=True).save_pretrained(bert)
    reader = Transformer(str(bert), max_seq_length=window)
    pooled = Pooling(reader.get_embedding_dimension())
    SentenceTransformer(modules=[reader, pooled], device="cpu").save(str(folder))
    return folder
