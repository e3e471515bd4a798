"""The writer's world, pure: no input or output, no torch, no terminal."""
