"""The names of the themes there are: ours, and those that come with Textual.

Listed here because the command line checks a name without drawing anything; a test holds the list
against what the page really has.
"""

from __future__ import annotations

OURS = ("lamplight", "night", "paper")
TEXTUALS = (
    "ansi-dark", "ansi-light", "atom-one-dark", "atom-one-light", "catppuccin-frappe",
    "catppuccin-latte", "catppuccin-macchiato", "catppuccin-mocha", "dracula", "flexoki", "gruvbox",
    "monokai", "nord", "rose-pine", "rose-pine-dawn", "rose-pine-moon", "solarized-dark",
    "solarized-light", "textual-dark", "textual-light", "tokyo-night",
)  # fmt: skip
THEMES = OURS + TEXTUALS
