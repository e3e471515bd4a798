"""What `benchmarks.memory` measures, in processes of its own.

python -m benchmarks.memory_work make MODEL FOLDER
python -m benchmarks.memory_work train FOLDER QUANTISATION WINDOW RANK SETTINGS

`train` is a training run's own code from loading to the first update; it prints the peak in MB,
of the process or, where there is one, of what it took of the GPU.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from talecraft.process.messages import ModelRef
from talecraft.process.run_events import PpoSettings
from talecraft.story.context import PromptStyle

SHARD = "200MB"
LLAMAS: dict[str, dict[str, Any]] = {
    "llama": {
        "vocab_size": 32000, "hidden_size": 1024, "intermediate_size": 2816,
        "num_hidden_layers": 20, "num_attention_heads": 16, "num_key_value_heads": 8,
        "max_position_embeddings": 2048, "tie_word_embeddings": False,
    },
    "llama-8b": {
        "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "max_position_embeddings": 8192, "tie_word_embeddings": False,
    },
    "solar": {
        "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 8,
        "max_position_embeddings": 4096, "tie_word_embeddings": False,
    },
}  # fmt: skip
SCORES = 40
STYLE = PromptStyle(think_open="<think>", story_open="<story>", stops=())


def peak_mb(pid: int | str = "self") -> float:
    """Most memory a process ever held. Not ru_maxrss: that remembers the parent's."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"/proc/{pid}/status does not tell the peak")


def make(name: str, folder: Path) -> None:
    """Random weights in the shape of GPT-2 (124 M, float32) or of one of LLAMAS (bfloat16, in
    several files), and a tokeniser of invented words."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    if name == "gpt2":
        model = GPT2LMHeadModel(GPT2Config())
    else:
        torch.set_default_dtype(torch.bfloat16)
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            model = LlamaForCausalLM(LlamaConfig(**LLAMAS[name]))
    model.save_pretrained(folder, max_shard_size=SHARD if name in ("gpt2", "llama") else "4GB")
    _tokeniser(model.config.vocab_size, folder)


def _tokeniser(size: int, folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    draw = random.Random(1)
    words = {"<pad>": 0, "<think>": 1, "<story>": 2}
    while len(words) < size:
        word = "".join(draw.choice("aeioubdfklmnprst") for _ in range(draw.randint(2, 9)))
        words.setdefault(word, len(words))
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<pad>", unk_token="<pad>"
    ).save_pretrained(folder)


def train(model: ModelRef, rank: int, settings: PpoSettings) -> float:
    """The peak, in MB, of a run's steps up to its first update, on a log of invented grades."""
    import torch

    # A run's own imports: what they hold counts.
    import talecraft.learning.run  # noqa: F401
    from talecraft.config.assets import reference
    from talecraft.engine import loading
    from talecraft.learning import features, rollouts
    from talecraft.learning.critic import Appraiser, usual_length
    from talecraft.learning.encoders import BaseEncoder
    from talecraft.learning.labels import Pairs, Scored
    from talecraft.learning.learner import Bench, practice_sampling
    from talecraft.learning.policy import Policy
    from talecraft.learning.ppo import Ppo
    from talecraft.learning.rewards import registry
    from talecraft.learning.rewards.part import Ground
    from talecraft.learning.rewards.total import Reward
    from talecraft.learning.taste import Ensemble
    from talecraft.story.idf import Idf

    loading.settle_in()
    torch.manual_seed(0)
    opened = loading.open_model(model)
    policy = Policy(opened.base, rank, 2 * rank, "all-linear")
    draw = random.Random(0)
    vocabulary = opened.base.config.vocab_size
    prompts = [
        [draw.randrange(3, vocabulary) for _ in range(settings.prompt_tokens)]
        for _ in range(max(SCORES, settings.batch))
    ]
    with policy.merged(None) as root:
        sampled = rollouts.sample(
            root, opened.codec, prompts[: settings.reference_samples],
            practice_sampling(settings), [(0, i) for i in range(settings.reference_samples)],
            opened.pad,
        )  # fmt: skip
    with policy.reference():
        found = features.extract(policy.model, features.passages(sampled), opened.pad)
    numbers = np.arange(len(sampled))
    scored = Scored(
        found, torch.tensor(1 + numbers % 5), torch.ones(len(sampled), dtype=torch.float64),
        numbers // 4, numbers // 4, Pairs.none(),
    )  # fmt: skip
    ensemble = Ensemble(scored, 300.0, settings.ensemble, settings.pessimism, 0)
    encoder = BaseEncoder(policy.model.get_base_model(), opened.codec)
    ground = Ground(sampled, reference("passage"), Idf(1, {}), encoder)
    parts = registry.build(settings.rewards, ground)
    reward = Reward(ensemble, parts, settings.rewards, sampled, found)
    appraise = Appraiser(policy, opened.codec, reward, usual_length(sampled), settings)
    bench = Bench(policy, opened.codec, appraise, prompts, settings, opened.pad, 0, lambda: None)
    ppo = Ppo(bench)
    ppo.begin(sampled)
    for _ in ppo.run():
        pass
    if ppo.updates != settings.updates:
        raise RuntimeError(f"the run ended early: {ppo.stopped}")
    if torch.cuda.is_available():  # there it is the card's memory that is short
        return torch.cuda.max_memory_reserved() / 1e6
    return peak_mb()


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "make":
        make(rest[0], Path(rest[1]))
        return
    folder, quantisation, window, rank, settings = rest
    model = ModelRef("measured", "1", folder, quantisation, int(window), STYLE)
    print(train(model, int(rank), msgspec.json.decode(settings, type=PpoSettings)))


if __name__ == "__main__":
    main()
