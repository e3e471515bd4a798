"""llama.cpp behind the same loop: our ids, forced tokens, samplers and records; its arithmetic."""
