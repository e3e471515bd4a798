"""Adapters for other programs: as PEFT has them, merged into the weights, or as GGUF."""
