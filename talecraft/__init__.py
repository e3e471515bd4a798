"""Talecraft: co-write stories with a language model of your own, and teach it your taste."""

__version__ = "0.1.0"
