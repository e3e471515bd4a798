"""A chapter's paragraphs in chunks of about so many tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from talecraft.corpus import sentences

Count = Callable[[str], int]
TOKENS_A_WORD = 1.3  # of English in common vocabularies, where none is at hand
LONGEST_WORD = 1000  # characters; what is longer is cut


def by_words(text: str) -> int:
    """Tokens as reckoned from words."""
    return ceil(TOKENS_A_WORD * len(text.split()))


def chunks(paragraphs: Sequence[str], size: int, count: Count = by_words) -> list[str]:
    """`paragraphs` in their order, divided by blank lines, in chunks of about `size` tokens.

    A paragraph stays whole unless it is longer than `size`; then it is cut between sentences, and
    a longer sentence between words. The tokens of its parts together, a chunk has more than
    size / 2, but for the last one, and at most 1.5 * size: a part is added where that brings the
    chunk nearer to `size`. A short rest goes to the chunk before it where that has room.
    """
    found: list[list[tuple[str, bool]]] = []
    sizes: list[int] = []
    for text, tokens, begins in _units(paragraphs, size, count):
        if found and sizes[-1] + tokens / 2 <= size:
            found[-1].append((text, begins))
            sizes[-1] += tokens
        else:
            found.append([(text, begins)])
            sizes.append(tokens)
    if len(found) > 1 and sizes[-1] <= size / 2 and sizes[-2] + sizes[-1] <= 1.5 * size:
        rest = found.pop()
        found[-1] += rest
    return [_joined(one) for one in found]


def _units(paragraphs: Sequence[str], size: int, count: Count) -> list[tuple[str, int, bool]]:
    """Parts of at most `size` tokens, these, and whether a paragraph begins with them."""
    found = []
    for paragraph in paragraphs:
        tokens = count(paragraph)
        if tokens <= size:
            found.append((paragraph, tokens, True))
            continue
        parts = [piece for one in sentences.split(paragraph) for piece in _short(one, size, count)]
        lot = ceil(sum(tokens for _, tokens in parts) / size)
        aim = sum(tokens for _, tokens in parts) / lot  # parts of like size
        held, held_tokens, begins = list[str](), 0, True
        for text, tokens in parts:
            if held and (held_tokens + tokens > size or held_tokens + tokens / 2 > aim):
                found.append((" ".join(held), held_tokens, begins))
                held, held_tokens, begins = [], 0, False
            held.append(text)
            held_tokens += tokens
        found.append((" ".join(held), held_tokens, begins))
    return found


def _short(sentence: str, size: int, count: Count) -> list[tuple[str, int]]:
    """The sentence, in halves of its words where it is longer than `size`."""
    tokens = count(sentence)
    words = sentence.split()
    if tokens <= size:
        return [(sentence, tokens)]
    if len(words) < 2:
        if len(sentence) <= LONGEST_WORD:
            return [(sentence, tokens)]
        middle = len(sentence) // 2
        return _short(sentence[:middle], size, count) + _short(sentence[middle:], size, count)
    middle = len(words) // 2
    return [
        piece
        for half in (words[:middle], words[middle:])
        for piece in _short(" ".join(half), size, count)
    ]


def _joined(units: list[tuple[str, bool]]) -> str:
    text = units[0][0]
    for one, begins in units[1:]:
        text += ("\n\n" if begins else " ") + one
    return text
