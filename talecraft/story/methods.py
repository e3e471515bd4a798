"""How a run learns: the methods by name."""

from __future__ import annotations

from typing import Literal, get_args

Method = Literal["ppo", "rloo"]
METHODS: tuple[Method, ...] = get_args(Method)
WORDS: dict[str, str] = {
    "ppo": "PPO with a critic",
    "rloo": "PPO without a critic (RLOO)",
    "pattern": "the pattern (SFT)",
}
