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
# In a model of fewer weights operations cost more than what they compute.
SMALL = 30e6
FEW_CORES = 2  # compiled steps have one; with more than a few, torch's may be as quick


def copied(weights: float, cores: int) -> float:
    """Bytes that copies of so many weights take where torch has so many cores: of 8 bits, as
    compiled steps have them, or perhaps of 16, where these fit."""
    usual = 1 if cores <= FEW_CORES or weights <= SMALL else 2
    return next((each * weights for each in (usual, 1) if each * weights <= MOST), 0.0)
