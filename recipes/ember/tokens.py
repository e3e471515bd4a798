"""Byte-level BPE, and stories as one long row of its ids."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from recipes.ember.sources import Text

PAD, EOS, TAGS = "<pad>", "<eos>", ("<prompt>", "<think>", "<story>")
EOS_ID = 1


def train(texts: Sequence[Text], mix: Mapping[str, float], size: int, out: Path) -> None:
    """Learn `size` tokens from `texts`, each source weighing as `mix` says; saved under `out`."""
    tokenizer = Tokenizer(models.BPE())
    # Line ends apart: a paragraph's end is then one token, "\n\n".
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\n+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, EOS, *TAGS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((texts[at].body for at in dealt(texts, mix, 0, 0)), trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        extra_special_tokens=list(TAGS),
        clean_up_tokenization_spaces=False,
    ).save_pretrained(out)


def load(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[np.ndarray]:
    """Each text's ids (uint16)."""
    found: list[np.ndarray] = []
    for at in range(0, len(texts), 1000):
        many = tokenizer.encode_batch_fast(list(texts[at : at + 1000]), add_special_tokens=False)
        found += [np.array(one.ids, dtype=np.uint16) for one in many]
    return found


def dealt(texts: Sequence[Text], mix: Mapping[str, float], seed: int, turn: int) -> Iterator[int]:
    """The indices of one pass, shuffled: a text of weight 1.6 once or, in 6 of 10 passes, twice."""
    rng = random.Random(f"{seed} {turn}")
    order = []
    for at, one in enumerate(texts):
        whole, rest = divmod(mix[one.source], 1)
        order += [at] * (int(whole) + (rng.random() < rest))
    rng.shuffle(order)
    return iter(order)


def plain(at: int, body: str) -> str:
    """Paragraphs parted by a blank line, in every other text by a line's end alone: writers do
    both, and the pattern needs the line's end."""
    return body.replace("\n\n", "\n") if at % 2 else body


class PlainText:
    """An endless stream of windows of packed stories, the same for the same seed."""

    def __init__(
        self, texts: Sequence[Text], tokenizer: Tokenizer, mix: Mapping[str, float], seed: int
    ) -> None:
        self._texts, self._mix, self._seed = texts, mix, seed
        self._ids = encode(tokenizer, [plain(at, one.body) + EOS for at, one in enumerate(texts)])
        self._turn, self._begins = -1, 0
        self._row = np.zeros(0, dtype=np.uint16)

    def batch(self, at: int, rows: int, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (rows, window + 1) from token `at` of the stream on, and which are learned."""
        ids = np.empty((rows, window + 1), dtype=np.int64)
        for row in range(rows):
            ids[row] = self._slice(at + row * window, window + 1)
        return ids, np.ones_like(ids, dtype=bool)

    def _slice(self, at: int, count: int) -> np.ndarray:
        """Only ever forward, or again from the start: passes are laid out one at a time."""
        if at < self._begins:
            self._turn, self._begins, self._row = -1, 0, np.zeros(0, dtype=np.uint16)
        while at + count > self._begins + len(self._row):
            read = min(at - self._begins, len(self._row))
            self._begins, self._row = self._begins + read, self._row[read:]
            self._turn += 1
            order = dealt(self._texts, self._mix, self._seed, self._turn)
            self._row = np.concatenate([self._row, *(self._ids[one] for one in order)])
        start = at - self._begins
        return self._row[start : start + count]
