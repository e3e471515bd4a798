"""Strings that would do harm where they were obeyed, and how to tell that they were not."""

from __future__ import annotations

import random
import re

from hypothesis import strategies as st

# Each does something to a terminal, to Rich's or Textual's markup, or to the eye.
PIECES = (
    "\x1b]52;c;ZXZpbA==\x07", "\x1b]52;c;ZXZpbA==\x1b\\", "\x1b]0;owned\x07",
    "\x1b]8;;http://e\x1b\\", "\x1b[2J", "\x1b[38;5;196m", "\x1b[?1049l", "\x1b[6n",
    "\x1b[201~", "\x1bP+q544e\x1b\\", "\x1b_evil\x1b\\", "\x1b^evil\x1b\\",
    "\x1bXevil\x1b\\", "\x9b31m", "\x9d52;c;ZXZpbA==\x9c", "\x90evil\x9c", "\x1bc",
    "\x1b(0", "\x1b", "\x1b[", "\x1b]", "\x9b", "\x00", "\x07", "\x08\x08", "\x7f", "\x0e",
    "\r", "\x85", "\u202e", "\u2066evil\u2069", "\u200b", "\u200d", "\u2060\ufeff",
    "\u2028", "\U000e0041", "\ud83d", "\udc00", "[red]", "[/]", "[/oops]", "[b", "\\[",
    "[@click=app.quit]go[/]", "[link=http://e]", "[[", "]", "$primary", "[$text-error]",
    "{oops}", "%s", "e\u0301\u0323" * 6, "漢字", "👩\u200d👩\u200d👧", "ｆｕｌｌ", "ش\u0651", "ﷺ",
    "x" * 300, " " * 40, "\t", "\n", "\n\n", "- ", "# ", "1. ", "*", "`", "~", "<b>", "&",
    "“", "’",
)  # fmt: skip
# What never may reach a terminal from a text: all that `story.clean` takes out.
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

pieces = st.sampled_from(PIECES) | st.text(max_size=6)
texts = st.lists(pieces, min_size=1, max_size=12).map("".join)


def text(dice: random.Random) -> str:
    """One hostile string, a word at either end."""
    middle = "".join(dice.choices(PIECES, k=dice.randint(1, 8)))
    return f"one {middle} two"


def cut(dice: random.Random, text: str) -> list[str]:
    """`text` in pieces as a stream brings it, escapes and letters cut anywhere."""
    cuts = sorted(dice.sample(range(len(text) + 1), min(len(text), dice.randint(0, 6))))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
