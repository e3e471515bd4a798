"""Which models' steps are done leanly on a CPU, and what the copies of their weights may take.

Pure: the engine decides by it (engine/lean), and the estimate of the memory that is needed foresees
it.
"""

from __future__ import annotations

LLAMA = ("LlamaForCausalLM", "MistralForCausalLM")
GPT2 = ("GPT2LMHeadModel",)
# Bytes of the copied matrices: 1.5 billion weights of 8 bits, 370 million of float32. What is
# larger is a quarter or a half of the model again, and belongs quantised from the start.
MOST = 1.5e9


def copied(weights: float) -> float:
    """Bytes that copies of so many weights take: of 8 bits, which is the usual way. A machine that
    does other ones quicker takes two or four times as much, where that fits."""
    return weights if weights <= MOST else 0.0
