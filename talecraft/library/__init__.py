"""Stories, generations, feedback, runs and adapters on disk: SQLite, one transaction a turn."""

from talecraft.library.library import Library

__all__ = ["Library"]
