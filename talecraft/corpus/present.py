"""A plan is told in the present: 'Lily found a box' becomes 'Lily finds a box'."""

from __future__ import annotations

from talecraft.corpus import clauses
from talecraft.story.words import AUXILIARIES, PRONOUNS, words

_PLURAL = frozenset("they we you i both many several these those all two three".split())
_MODAL = {"could": "can", "would": "will", "couldn't": "can't", "wouldn't": "won't"}


def present(clause: str) -> str:
    """`clause` in the present tense, as far as its verbs are known; the verb after the subject,
    and those that follow 'and', 'but' or 'then' with no subject of their own."""
    found = words(clause)
    verb = clauses.verb_at(found)
    if verb is None:
        return clause
    plural = _plural(found[:verb])
    changed = {verb: _changed(found, verb, plural)}
    alone = found[verb].lower() not in AUXILIARIES  # not 'is seized and led'
    for at in range(verb + 1, len(found) - 1 if alone else 0):
        if found[at].lower() in {"and", "but", "then"}:
            then = at + 1 + _is_adverb(found[at + 1])
            if then < len(found) and clauses.is_past(found[then]):
                changed[then] = _changed(found, then, plural)
    return clauses.replaced(clause, changed)


def _changed(found: list[str], at: int, plural: bool) -> str:
    low = found[at].lower()
    if low in _MODAL:
        return _MODAL[low]
    if low in {"did", "didn't"}:
        return ("do" if plural else "does") + low[3:]
    if low in {"was", "were", "wasn't", "weren't"}:
        ending = "n't" if low.endswith("n't") else ""
        if found[at - 1] == "I":
            return "am not" if ending else "am"
        return ("are" if plural or low.startswith("were") else "is") + ending
    if low in {"had", "hadn't"}:
        return ("have" if plural else "has") + low[3:]
    if low in AUXILIARIES:
        return found[at]
    pair = clauses.present_of(found[at])
    if pair is None:
        return found[at]
    return pair[0] if plural else pair[1]


def _is_adverb(word: str) -> bool:
    return word.endswith("ly") or word in {"never", "always", "soon", "then", "often", "even"}


def _plural(subject: list[str]) -> bool:
    subject = [word for word in subject if not word.endswith("ly")] or subject
    first, last = subject[0].lower(), subject[-1].lower()
    if first in _PLURAL or "and" in (word.lower() for word in subject):
        return True
    if first in PRONOUNS or subject[-1][:1].isupper():
        return False
    return (last.endswith("s") and not last.endswith(("ss", "us", "'s"))) or last in _IRREGULAR


_IRREGULAR = frozenset("children people men women mice geese sheep feet wolves".split())
