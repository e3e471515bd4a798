"""Three themes of Talecraft's own: a lamp in the evening, paper by day, night for reading late.

`tests/app/test_themes.py` holds every pair of colours that text is drawn in against WCAG: 4.5 to 1,
what is muted 3 to 1.
"""

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
# Darker than lamplight and lower in contrast, and nothing on it is brighter than the story: Textual
# would lighten each colour that text is drawn in, so these are given as they are.
NIGHT = Theme(
    name="night",
    primary="#a87c4c",
    secondary="#6f7d7a",
    accent="#ad8859",
    warning="#b58446",
    error="#bd6259",
    success="#7a9663",
    foreground="#aca293",
    background="#100f0d",
    surface="#151311",
    panel="#1b1916",
    dark=True,
    variables={
        "text": "#aca293",
        "text-muted": "#aca293 62%",
        "text-disabled": "#aca293 62%",
        "text-primary": "#b48955",
        "text-secondary": "#7f8e8b",
        "text-accent": "#b08d60",
        "text-warning": "#b98a4c",
        "text-error": "#cf7a71",
        "text-success": "#84a16c",
    },
)
THEMES = (LAMPLIGHT, NIGHT, PAPER)
