"""What every contestant of `ppo_speed` shares: model, prompts, sizes, and how it reports.

Imported in several virtual environments: torch and transformers alone, of any version.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

VOCABULARY = 8192
LAYERS, WIDTH, HEADS = 4, 256, 4
BATCH, PROMPT, RESPONSE, EPOCHS = 16, 32, 64, 4
UPDATES = 5  # the first warms up
RANK, ALPHA, TARGETS = 16, 32, ["c_attn", "c_proj", "c_fc"]
LEARNING_RATE = 1e-5
PAD = VOCABULARY - 1
THINK, STORY = VOCABULARY - 3, VOCABULARY - 2  # the pattern's tags, a token each


def prompts() -> list[list[int]]:
    """As many as all updates take, of ids that are no tags."""
    draw = random.Random(0)
    return [[draw.randrange(THINK) for _ in range(PROMPT)] for _ in range(BATCH * UPDATES)]


def make_model(folder: Path) -> None:
    """Random weights and a tokeniser of invented words, once, for all."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=512, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS,
        bos_token_id=PAD, eos_token_id=PAD, pad_token_id=PAD,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    draw = random.Random(1)
    words: dict[str, int] = {}
    while len(words) < THINK:
        word = "".join(draw.choice("aeioubdfklmnprst") for _ in range(draw.randint(2, 8)))
        words.setdefault(word + draw.choice(["", "", "", "", ",", ".", "?"]), len(words))
    words |= {"<think>": THINK, "<story>": STORY, "<pad>": PAD}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<pad>", unk_token="<pad>"
    ).save_pretrained(folder)


class Clock:
    """Prints a line of JSON an update: its number, its seconds by the clock and of the processor,
    the process's peak memory."""

    def __init__(self) -> None:
        self._update = 0
        self._begin()

    def _begin(self) -> None:
        self._last, self._busy = time.perf_counter(), time.process_time()

    def lap(self) -> None:
        now, busy = time.perf_counter(), time.process_time()
        self._update += 1
        print(
            json.dumps(
                {
                    "update": self._update,
                    "seconds": now - self._last,
                    "processor": busy - self._busy,
                    "peak_rss_mb": peak_rss_mb(),
                }
            ),
            flush=True,
        )
        self._begin()


def peak_rss_mb() -> float:
    """Most memory this process ever held. Not ru_maxrss: that remembers the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status does not tell the peak")
