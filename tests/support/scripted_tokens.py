"""Tokens for the scripted engine: words with the space before them, and quotation marks in two
halves, as a byte-level tokeniser has them. How likely each is follows from its text."""

from __future__ import annotations

import math
import re
import zlib

from talecraft.process.messages import Begun, Candidate, TokenOdds

THINK, STORY = "<think>\n", "\n<story>\n"
HALF = "\ufffd"
# A token's probability by its text, and what stands beside it.
LEVELS = (0.97, 0.86, 0.62, 0.91, 0.34, 0.12, 0.78, 0.06, 0.004)
OTHERS = (" harbour", " sea", "\n", "[red]x[/red]", "\x1b[2J\x07", HALF, " the", " 漢字", " and")


class Vocabulary:
    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], int] = {}

    def _id(self, text: str, name: str) -> int:
        return self._ids.setdefault((text, name), 10 + len(self._ids))

    def _token(self, number: int) -> tuple[str, str]:
        known = {of: token for token, of in self._ids.items()}
        return known.get(number, (f" word{number}", f" word{number}"))

    def _encode(self, text: str) -> list[int]:
        found = []
        for piece in re.findall(r"[“”]|\n|[^\S\n]*[^\s“”]+|\s", text):
            if piece in "“”":
                found.append(self._id("", f"{HALF}{piece}"))
            found.append(self._id(piece, piece))
        return found

    def encode(self, outline: str, prose: str) -> tuple[list[int], list[bool], int]:
        """The ids of a turn, which of them the program wrote, and where its prose begins."""
        if not outline and not prose:
            return [], [], 0
        opening = [self._id(THINK, THINK)] if outline else []
        plan = self._encode(outline.strip())
        closing = [self._id(STORY, STORY)] if prose else []
        told = self._encode(prose)
        ids = [*opening, *plan, *closing, *told]
        begins = len(ids) - len(told)
        forced = [
            at < len(opening) or begins - len(closing) <= at < begins for at in range(len(ids))
        ]
        return ids, forced, begins

    def text(self, ids: list[int]) -> str:
        return "".join(self._token(one)[0] for one in ids)

    def begun(self, begun: Begun, outline: str) -> tuple[str, str]:
        """Plan and prose of a turn that begins so."""
        kept = [*begun.ids, *([begun.then] if begun.then is not None else [])]
        if len(begun.ids) < begun.prose_start:
            return f"{self.text(kept)} and so on\n".removeprefix(THINK), "It went on."
        plan = self.text(begun.ids[: begun.prose_start])
        plan = plan.removeprefix(THINK).removesuffix(STORY)
        return plan, f"{self.text(kept[begun.prose_start :])} and went on."

    def odds(self, ids: list[int], top: int) -> list[TokenOdds]:
        return [self._odds(one, top) for one in ids]

    def _odds(self, number: int, top: int) -> TokenOdds:
        text, name = self._token(number)
        share = LEVELS[zlib.crc32(name.encode()) % len(LEVELS)]
        taken = Candidate(number, name[:1] if name.startswith(HALF) else name, math.log(share))
        left, beside = 1 - share, []
        for other in OTHERS:
            left /= 2
            if other != name:
                beside.append(Candidate(self._id(other, other), other, math.log(left)))
        every = sorted([taken, *beside], key=lambda one: -one.logprob)
        rank = every.index(taken) if share > 0.01 else 40
        return TokenOdds(text, taken, rank, (every if rank < top else beside)[:top])
