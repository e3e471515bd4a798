"""Two themes of Talecraft's own: a lamp at night, paper by day."""

from __future__ import annotations

from textual.theme import Theme

LAMPLIGHT = Theme(
    name="lamplight",
    primary="#d9a05b",
    secondary="#8fa3a0",
    accent="#e0b57a",
    warning="#e0a458",
    error="#d9695f",
    success="#8fb573",
    foreground="#ddd5c7",
    background="#1b1a18",
    surface="#211f1c",
    panel="#2b2825",
    dark=True,
)
PAPER = Theme(
    name="paper",
    primary="#8a4b1f",
    secondary="#4d6663",
    accent="#a35d26",
    warning="#96600a",
    error="#a8322a",
    success="#4a7030",
    foreground="#2c2823",
    background="#f7f2e8",
    surface="#f1eadc",
    panel="#e7dece",
    dark=False,
)
THEMES = (LAMPLIGHT, PAPER)
