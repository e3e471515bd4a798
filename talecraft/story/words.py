"""English words: which carry no meaning of their own, and what the others have in common."""

from __future__ import annotations

import re
from functools import cache

import snowballstemmer

WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")

PRONOUNS = frozenset("he she it they we i you who everyone everybody nobody someone no-one".split())
DETERMINERS = frozenset(
    "the a an his her its their our my your this that these those some all every each one two three"
    " no any another many both several".split()
)
JOINING = frozenset("and but so or yet then".split())
SUBORDINATING = frozenset(
    "until because when while as if though although since before after that which who whose where"
    " unless whether than".split()
)
AUXILIARIES = frozenset(
    "am is are was were be been being has have had do does did can could will would shall should"
    " may might must isn't wasn't weren't aren't hadn't didn't couldn't wouldn't don't doesn't"
    " can't won't".split()
)
PREPOSITIONS = frozenset(
    "of in on at to for with from by into onto over under about through across behind between"
    " among against toward towards around near beside during without within upon like inside"
    " outside off".split()
)
STOPWORDS = (
    PRONOUNS
    | DETERMINERS
    | JOINING
    | SUBORDINATING
    | AUXILIARIES
    | PREPOSITIONS
    | frozenset(
        "not very too just only also even still again there here now once him them me us himself"
        " herself itself themselves what how why up down out away back off more most much such own"
        " other than little big good said say says tell tells told ask asks asked go goes went get"
        " gets got make makes made take takes took come comes came see sees saw look looks looked"
        " know knows knew think thinks thought want wants wanted feel feels felt thing"
        " things".split()
    )
)
_STEMMER = snowballstemmer.stemmer("english")
KEPT = 0.5  # of a beat's content words


def words(text: str) -> list[str]:
    return WORD.findall(text)


@cache
def stem(word: str) -> str:
    """Porter's second stemmer ("English" of Snowball)."""
    return str(_STEMMER.stemWord(word.lower().removesuffix("'s")))


def content(text: str) -> set[str]:
    """The stems of the words that carry meaning."""
    low = (word.lower() for word in words(text))
    return {stem(word) for word in low if word not in STOPWORDS and len(word) > 2}


def kept(beat: str, prose: str) -> bool | None:
    """Whether `prose` took up this beat of its plan: half of its content words, stemmed, stand
    there. None where it has none."""
    wanted = content(beat)
    return len(wanted & content(prose)) >= KEPT * len(wanted) if wanted else None
