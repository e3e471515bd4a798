"""Sentences, and the whole clauses that can be taken out of them without cutting a phrase."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from itertools import count

import lemminflect

from talecraft.story.words import (
    AUXILIARIES,
    DETERMINERS,
    JOINING,
    PREPOSITIONS,
    PRONOUNS,
    STOPWORDS,
    SUBORDINATING,
    WORD,
    words,
)

_SENTENCE = re.compile(r"(?<=[.!?…])[\"')]*\s+(?=[\"'(]?[A-Z])")
# What is spoken, in one typography or the other; an open one runs to the end of its paragraph.
_SPOKEN = re.compile(
    r"[\"“][^\"“”]*(?:[\"”]|$)|(?<![\w])['‘](?=[A-Z])[^\n]*?(?:[,.!?…—-]['’](?!\w)|$)"
)
# A mark, or a word that joins a new clause; the second only where a subject follows.
_MARKS = re.compile(r"\s*([,;:()]|—|\s–|\||\.{3})\s*")
_JOINT = re.compile(r"\s+(?=(?:and|but|so|or|yet|then|until|because|when|while|as)\s)")
# As a subject they say nothing without what stood before.
_VAGUE = frozenset(
    "that this these those you who one some all any there here it if for your".split()
)

_UNCHANGED = frozenset("put let cut hit shut set spread".split())
# A clause that ends so is cut in the middle.
_OPEN_ENDED = (
    DETERMINERS
    | JOINING
    | SUBORDINATING
    | (AUXILIARIES - {"is", "are", "was", "were", "did", "do", "does", "could", "can"})
    | (PREPOSITIONS - {"in", "on", "over", "by", "off", "inside", "outside", "through", "around"})
    | {"very", "so", "too", "not", "more", "most", "never", "always", "just"}
)


def replaced(text: str, new: Mapping[int, str]) -> str:
    """`text` with other words in the places (counted as in `words`) that `new` names."""
    at = count()
    return WORD.sub(lambda found: new.get(next(at), found.group()), text)


def sentences(text: str) -> list[str]:
    """In order; a line's end ends a sentence too."""
    return [one.strip() for row in text.split("\n") for one in _SENTENCE.split(row) if one.strip()]


def told(text: str) -> str:
    """`text` with a bar in the place of everything that is spoken."""
    return "\n".join(_SPOKEN.sub(" | ", row) for row in text.split("\n"))


def clauses(sentence: str, least: int = 4, most: int = 14) -> list[str]:
    """Main clauses of `least` to `most` words, each with a subject and a finite verb. Subordinate
    ones are left out: alone they mean something else. What is spoken must be out (`told`)."""
    found: list[str] = []
    if sentence.rstrip("\"')”’ ").endswith("?"):
        return found
    for part in _cut(sentence):
        clause = _main(part)
        if clause and least <= len(words(clause)) <= most and _whole(clause):
            found.append(clause)
    return found


def is_past(word: str) -> bool:
    """Whether `word` can be a verb's past tense."""
    return present_of(word) is not None


@cache
def present_of(word: str) -> tuple[str, str] | None:
    """The base and the third person of the verb whose past `word` is; None where it is none."""
    low = word.lower()
    if low in {"was", "were"}:
        return "are", "is"
    if word != low or len(low) < 3 or low.endswith("eed"):
        return None
    if low in _UNCHANGED:
        return low, low + "s"
    for lemma in lemminflect.getLemma(low, upos="VERB"):
        if lemma != low and low in lemminflect.getInflection(lemma, tag="VBD"):
            third = lemminflect.getInflection(lemma, tag="VBZ")
            return (lemma, third[0]) if third else None
    return None


def begins_a_subject(word: str) -> bool:
    low = word.lower()
    return low in PRONOUNS or low in DETERMINERS or word[:1].isupper()


def verb_at(found: list[str]) -> int | None:
    """Where the finite verb of a clause stands: the first word after the subject's first that can
    be one. After a determiner a past form is a participle: 'the tired fox'."""
    for at in range(1, len(found)):
        low = found[at].lower()
        if low in AUXILIARIES:
            return at
        before = found[at - 1].lower()
        if low in SUBORDINATING:
            return None
        if low in {"named", "called"} and before not in PRONOUNS:
            continue
        if before not in DETERMINERS and before not in PREPOSITIONS and is_past(found[at]):
            return at
    return None


def _cut(sentence: str) -> list[str]:
    """At marks, and at joining words that a subject follows. What a comma leaves in the middle of
    a list, or of two adjectives, is marked by a bar: it is not whole."""
    parts: list[str] = []
    pieces = _MARKS.split(sentence.strip(" .!?…\"'“”"))
    for at in range(0, len(pieces), 2):
        rest = pieces[at]
        if at + 2 < len(pieces) and "," in pieces[at + 1] and not _goes_on(pieces[at + 2]):
            rest += "|"
        while found := _next_joint(rest):
            parts.append(rest[: found.start()])
            rest = rest[found.start() :].strip()
        parts.append(rest)
    return [part.strip(" .'\"") for part in parts if part.strip(" .'\"")]


def _goes_on(after: str) -> bool:
    """Whether what follows a comma is a part of its own, not the next of several alike."""
    found = words(after)
    if not found or len(found) < 3:
        return False
    low = found[0].lower()
    if low in {"and", "or"}:
        return begins_a_subject(found[1]) or is_past(found[1])
    if low.endswith("ing"):
        return found[1].lower() in STOPWORDS
    return begins_a_subject(found[0]) or low in JOINING | SUBORDINATING | PREPOSITIONS


def _next_joint(text: str) -> re.Match[str] | None:
    for found in _JOINT.finditer(text):
        before, after = words(text[: found.start()]), words(text[found.end() :])
        if len(after) > 2 and begins_a_subject(after[1]) and verb_at(before) is not None:
            return found
    return None


def _main(part: str) -> str:
    """Without the word that joins it; '' where it is subordinate."""
    first, _, rest = part.partition(" ")
    if first.lower() in JOINING:
        return _main(rest)
    return "" if first.lower() in SUBORDINATING else part


def _whole(clause: str) -> bool:
    found = words(clause)
    if "|" in clause or not _is_subject(found[0]) or found[-1].lower() in _OPEN_ENDED:
        return False
    verb = verb_at(found)
    return verb is not None and verb < min(6, len(found) - 1)


def _is_subject(first: str) -> bool:
    """At a sentence's beginning every word is capital: a name, or a noun, but no 'Often'."""
    low = first.lower()
    if low in _VAGUE:
        return False
    if low in PRONOUNS or low in DETERMINERS:
        return True
    kinds = lemminflect.getAllLemmas(low)
    return first[:1].isupper() and not kinds.keys() & {"ADV", "ADJ", "ADP", "AUX"}
