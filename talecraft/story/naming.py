"""Who and what a story speaks of by name, and what it says of them."""

from __future__ import annotations

import re
from collections import Counter

from talecraft.story import words

_FEWEST = 3  # times a name is spoken before it is worth an entry
_MOST = 4  # sentences that are told of one
# Capital words in the midst of a sentence, several together as one name.
_NAME = re.compile(r"(?<![.!?…\"“”'‘’\n] )(?<![\"“”'‘’\n])(?<!^)\b[A-Z][a-z]+(?: [A-Z][a-z]+)*")
_SENTENCE = re.compile(r"[^.!?…]+[.!?…]+[\"”’']*")
_SAYS_WHAT = re.compile(r"\b(is|was|were|had|has|lived|called|named)\b")


def names(text: str) -> list[str]:
    """The names in `text`, the most spoken of first. No name is also a word of its own there."""
    common = {word for word in words.words(text) if word.islower()} | words.STOPWORDS
    found = Counter(_NAME.findall(text))
    return [
        name
        for name, count in found.most_common()
        if count >= _FEWEST and name.lower() not in common
    ]


def told_of(name: str, text: str) -> str:
    """The sentences of `text` that say most of `name`, in order; "" where there are none."""
    spoken = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    every = (" ".join(one.split()) for one in _SENTENCE.findall(text))
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
