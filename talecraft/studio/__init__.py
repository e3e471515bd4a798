"""The use cases. The TUI and the CLI both call these, and nothing else changes the library."""

from talecraft.studio.studio import Studio

__all__ = ["Studio"]
