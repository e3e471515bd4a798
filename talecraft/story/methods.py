"""How a run learns: the methods by name."""

from __future__ import annotations

from typing import Literal, get_args

Method = Literal["ppo", "rloo", "grpo", "dr_grpo", "dpo", "kto", "sft"]
METHODS: tuple[Method, ...] = get_args(Method)
# What a taste is known by: a head on frozen features alone, or a LoRA reward model tried beside it.
TasteModel = Literal["auto", "head", "adapter"]
TASTE_MODELS: tuple[TasteModel, ...] = get_args(TasteModel)
# These learn from what was said itself; the others from a reward, on what they write meanwhile.
OFFLINE: frozenset[str] = frozenset({"dpo", "kto", "sft"})
# What may be carried out on another machine: all that these need is in the run's folder.
CARRIED: frozenset[str] = frozenset({*METHODS, "style"})
FEWEST_OWN_PROMPTS = 32  # of a run's: of fewer none is held back to judge by
WORDS: dict[str, str] = {
    "ppo": "PPO with a critic",
    "rloo": "PPO without a critic (RLOO)",
    "grpo": "GRPO",
    "dr_grpo": "Dr. GRPO",
    "dpo": "DPO on what you preferred",
    "kto": "KTO on what you found good and bad",
    "sft": "SFT on your edits and five stars",
    "pattern": "the pattern (SFT)",
    "style": "an author's manner (SFT, then Dr. GRPO)",
}
