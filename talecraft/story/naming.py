"""Who and what a story speaks of by name, and what it says of them."""

from __future__ import annotations

import re
from collections import Counter

from talecraft.story import words

_FEWEST = 3  # times a name is spoken before it is worth an entry
_MOST = 4  # sentences that are told of one
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# Where a sentence ends: after its mark, and after the quotation mark that closes it.
_ENDS = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"”’'»])\s+|(?<=[。！？])(?![”’」』])|\n+")
_BEGINS = re.compile(r"[\"“„«‘(]|(?<=[.!?…:])\s")  # where a capital letter says nothing
_SAYS_WHAT = re.compile(r"\b(is|was|were|had|has|lived|called|named)\b")


def names(text: str) -> list[str]:
    """The names in `text`, the most spoken of first. No name is also a word of its own there."""
    common = {word for word in _WORD.findall(text) if word.islower()} | words.STOPWORDS
    found: Counter[str] = Counter()
    for part in _BEGINS.split(text):
        begins, first_named, name, end = True, False, list[str](), 0
        for one in _WORD.finditer(part):
            word = one[0].removesuffix("'s").removesuffix("’s")
            if name and (part[end : one.start()].strip() or not word[0].isupper()):
                found[" ".join(name)] += 1
                name = []
            # What follows a sentence's first word may be of its name: not after "So" or "The".
            named = word[0].isupper() and word.lower() not in words.STOPWORDS
            begins = begins and (not end or (word[0].isupper() and first_named))
            first_named = named if not end else first_named
            if word[0].isupper() and not begins and len(word) > 1:
                name.append(word)
            end = one.end()
        if name:
            found[" ".join(name)] += 1
    return [
        name
        for name, count in found.most_common()
        if count >= _FEWEST and name.lower() not in common
    ]


def told_of(name: str, text: str) -> str:
    """The sentences of `text` that say most of `name`, in order; "" where there are none."""
    spoken = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    every = (" ".join(one.split()) for one in _ENDS.split(text))
    told = list(dict.fromkeys(one for one in every if name and spoken.search(one)))
    weight = Counter(stem for one in told for stem in words.content(one))
    best = sorted(range(len(told)), key=lambda at: (-_telling(told[at], name, weight), at))
    return " ".join(told[at] for at in sorted(best[:_MOST]))


def _telling(sentence: str, name: str, weight: Counter[str]) -> float:
    """How much a sentence says of `name`: what is often said of it weighs more; one that begins
    with the name, or says what it is, is about it; a long one is mostly about something else."""
    found = words.content(sentence) - words.content(name)
    about = sentence.lower().startswith((name.lower(), f"the {name.lower()}"))
    is_said = _SAYS_WHAT.search(sentence) is not None
    often = sum(weight[one] for one in found) / (3 + len(found))
    return float((often + about + is_said) / max(1, len(sentence.split()) - 25) ** 0.5)
