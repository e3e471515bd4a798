"""Text from models, files and errors is hostile until it has passed here.

Terminals obey what is inside text: OSC 52 writes the clipboard, CSI 2J wipes the screen,
bidirectional overrides show one thing and mean another. Neither Rich nor Textual removes these,
so whatever enters Talecraft from outside is cleaned once, at the boundary.
"""

from __future__ import annotations

import re

# Whole sequences first, so that their visible arguments go with them. A string sequence ends at
# BEL, ST or the end of its line: an unterminated one must not swallow the rest of a story.
_SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 but newline and tab, DEL, C1, bidi controls, zero-width and line separators, BOM, surrogates,
# non-characters, and the tag block (invisible text).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_TAB = "    "


def clean(text: str) -> str:
    """`text` safe to show, store and export: no control sequences, newlines as LF, tabs as spaces.

    Idempotent, and linear in the length of `text`.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n")
    return _UNSAFE.sub("", _SEQUENCES.sub("", text)).replace("\t", _TAB)


def clean_line(text: str) -> str:
    """`text` as one line: a title, a name, an error message."""
    return " ".join(clean(text).split())


def bounded(text: str, limit: int) -> str:
    """`text` as one line of at most `limit` characters, the last of them a sign where it is cut."""
    line = clean_line(text)
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


class CleanStream:
    """`clean` for text that comes in pieces: an escape cut by a piece's end is still caught.

    Everything from a possible beginning of a sequence is held back until it can be judged;
    `close` gives what is left.
    """

    _LONGEST = 4096  # a sequence longer than this is not one; do not hold a story back for it

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What of `text`, and of what was held back, can be shown now."""
        text = self._held + text
        cut = len(text)
        if text.endswith("\r"):  # perhaps half of a CRLF
            cut -= 1
        # Only a sequence that runs to the very end can still be growing.
        for match in _SEQUENCES.finditer(text, 0, cut):
            if match.end() == cut and cut - match.start() <= self._LONGEST:
                cut = match.start()
        self._held = text[cut:]
        return clean(text[:cut])

    def close(self) -> str:
        """The rest, cleaned."""
        held, self._held = self._held, ""
        return clean(held)
