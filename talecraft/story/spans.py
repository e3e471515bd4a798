"""A span of a passage that is to be written otherwise: where it stands, what it tells, how long
another may be, and how what was written fits in."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from talecraft.story.clean import clean
from talecraft.story.words import content, words

How = Literal["rewrite", "expand", "shorten", "describe", "insert"]

MOST_BEATS = 4
_LONGEST_BEAT = 18  # words; of a longer sentence the part before its first mark
_TOKENS_A_WORD = 1.4
_LENGTHS: dict[How, float] = {"rewrite": 1.0, "expand": 2.0, "shorten": 0.5, "describe": 1.0}
_LEAST = 8
_SCENE, _PHRASE = 48, 16  # tokens where there is no span to measure: whole sentences, a part of one
_SENSES = "What can be seen, heard, smelled and felt there"
_SENTENCE = re.compile(r"(?<=[.!?…])[\"”'’)]*\s+|\n+")
_PAUSE = re.compile(r"[.!?…,;:][\"”'’)]*(?=\s)")
_MARK = re.compile(r"[,;:—–]")
_SPOKEN = re.compile(r"[\"“][^\"“”]*(?:[\"”]|$)")
_ENDS = re.compile(r"[.!?…][\"'”’)]*\s*$")
_OPENING = "\"“‘'("
_BEGUN = 1200  # characters of the passage that a draft goes on from; what stands before is context


class Place(msgspec.Struct, frozen=True):
    """A passage in three: `span` is what was chosen, without the blanks around it; they belong to
    what stands `before` and `after`. An empty one is where the cursor stands."""

    before: str
    span: str
    after: str

    @property
    def whole(self) -> bool:
        """Whether whole sentences belong here, rather than a part of one."""
        if self.span:
            return ends_a_sentence(self.span)
        return not self.before.strip() or ends_a_sentence(self.before) or not self.after.strip()


def place(text: str, start: int, end: int) -> Place:
    """The characters from `start` to `end` of `text`."""
    span = text[start:end]
    start += len(span) - len(span.lstrip()) if span.strip() else 0
    span = span.strip()
    return Place(text[:start], span, text[start + len(span) :] if span else text[end:])


def ends_a_sentence(text: str) -> bool:
    return _ENDS.search(text[-8:]) is not None


def plan(how: How, span: str) -> str:
    """What another text for `span` is to tell, a beat a line; '' for a span that is empty."""
    found = beats(span)
    most = {"shorten": 1, "describe": 1}.get(how, MOST_BEATS)
    worth = sorted(range(len(found)), key=lambda at: -len(content(found[at])))[:most]
    chosen = [found[at] for at in sorted(worth)]
    if how == "describe":
        chosen.append(_SENSES)
    return "\n".join(f"- {beat}" for beat in chosen)


def budget(how: How, here: Place) -> int:
    """How many tokens another text may have."""
    if how == "insert":
        return _SCENE if here.whole else _PHRASE
    long = round(_LENGTHS[how] * _TOKENS_A_WORD * len(here.span.split()))
    return max(_SCENE if how == "describe" else _LEAST, long)


def instruction(how: How, here: Place) -> str:
    """The same, asked of a model that can be told what to do."""
    if how == "insert":
        rest = " ".join(here.after.split()[:40])
        leads = f" Lead over to what follows: “{rest}”" if rest else ""
        return f"In the last passage write only what comes next.{leads}"
    asked = {
        "rewrite": "Tell this in other words, in about the same length",
        "expand": "Tell this more fully, in about twice the length",
        "shorten": "Tell this in half the length",
        "describe": "After this, add a description for the senses, without going on with the story",
    }
    return f"{asked[how]}: “{here.span}”"


def begun(how: How, here: Place) -> str:
    """What the model is to go on from. The blank before its first word is its own to write."""
    return (here.before + here.span if how == "describe" else here.before).rstrip(" ")


def cut(begun: str) -> tuple[str, str]:
    """What is only context, and what the draft goes on from, of a beginning that may be long."""
    if len(begun) <= _BEGUN:
        return "", begun.lstrip()
    start = len(begun) - _BEGUN
    for sign in ("\n\n", "\n", " "):
        at = begun.find(sign, start, start + _BEGUN // 2)
        if at >= 0:
            return begun[:at].strip(), begun[at:].lstrip()
    return begun[:start].strip(), begun[start:].lstrip()


def added(prose: str, begun: str) -> str:
    """What the model has written after `begun`, of a draft whose `prose` begins with it."""
    return clean(prose[len(begun.lstrip()) :])


def fitted(how: How, here: Place, written: str) -> str:
    """What is to stand for the span when the model has written this after `begun`."""
    stands = here.before + here.span if how == "describe" else here.before
    written = written.rstrip()
    if not stands or stands[-1].isspace():
        written = written.lstrip()
    elif ends_a_sentence(stands) and not written[:1].isspace():
        written = f" {written}"
    if here.after[:1].isalnum() or (here.after[:1] and here.after[0] in _OPENING):
        written += " "
    return here.span + written if how == "describe" else written


def paused(text: str) -> str:
    """`text` up to its last mark, where it breaks off in the midst of a phrase and has one."""
    if ends_a_sentence(text):
        return text
    marks = [one.end() for one in _PAUSE.finditer(text)]
    return text[: marks[-1]] if marks else text


def beats(span: str) -> list[str]:
    """What is told in `span`, in order; what is spoken only where nothing else is told."""
    sentences = [one.strip() for one in _SENTENCE.split(span) if words(one)]
    told = [" ".join(_SPOKEN.sub(" ", one).split()) for one in sentences]
    kept = [one for one in told if len(words(one)) > 2] or sentences
    return [_short(one) for one in kept]


def _short(sentence: str) -> str:
    if len(sentence.split()) > _LONGEST_BEAT:
        first = _MARK.split(sentence)[0]
        whole = len(words(first)) > 3 and len(first.split()) <= _LONGEST_BEAT
        sentence = first if whole else " ".join(sentence.split()[:_LONGEST_BEAT])
    sentence = sentence.strip(" .,;:!?…—–\"“”'")
    return sentence[:1].upper() + sentence[1:]
