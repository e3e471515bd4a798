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
FUNCTION_WORDS = PRONOUNS | DETERMINERS | JOINING | SUBORDINATING | AUXILIARIES | PREPOSITIONS
PARTICLES = frozenset(
    "not very too just only also even still again there here now once him them me us himself"
    " herself itself themselves what how why up down out away back off more most much such own"
    " other than".split()
)
STOPWORDS = (
    FUNCTION_WORDS
    | PARTICLES
    | frozenset(
        "little big good said say says tell tells told ask asks asked go goes went get"
        " gets got make makes made take takes took come comes came see sees saw look looks looked"
        " know knows knew think thinks thought want wants wanted feel feels felt thing"
        " things".split()
    )
)
# A plan tells in the present what the prose tells in the past: the commonest verbs whose past no
# stemmer finds, past and present by turns.
_PASTS = (
    "ate eat bit bite blew blow bought buy broke break brought bring built build caught catch"
    " chose choose cried cry drank drink drew draw drove drive fed feed fell fall flew fly forgot"
    " forget fought fight froze freeze grew grow heard hear held hold hid hide kept keep knelt"
    " kneel led lead lit light lost lose met meet paid pay rang ring rode ride rose rise sang sing"
    " sank sink sent send shook shake slept sleep sold sell spent spend spoke speak stole steal"
    " stuck stick swam swim swept sweep taught teach threw throw woke wake won win wore wear wrote"
    " write"
).split()
PRESENTS = dict(zip(_PASTS[::2], _PASTS[1::2], strict=True))
_STEMMER = snowballstemmer.stemmer("english")
KEPT = 0.5  # of a beat's telling words, and two of them at least where it has two
# Content words that stand in nearly any passage of a tale: they tell of no beat by themselves.
EVERYDAY = frozenset(
    "day days night time times man men woman women boy boys girl girls people friend friends child"
    " children mother father home house room door hand hands eye eyes face head way place world"
    " name old new young long small happy first last next never always walk walks walked turn"
    " turns turned begin begins began start starts started find finds found give gives gave put"
    " puts try tries tried run runs ran stand stands stood sit sits sat leave leaves left".split()
)


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
    """Whether `prose` took up this beat of its plan: of the words that tell this beat from others,
    stemmed, half stand there, and two at least where there are two. Names and everyday words count
    only where there are no others; then all of them must stand there, and be two. None for a beat
    without content words."""
    wanted, there = content(_in_the_present(beat)), content(_in_the_present(prose))
    telling = wanted - {stem(word) for word in EVERYDAY} - _names(beat, prose)
    if not wanted:
        return None
    if not telling:
        return len(wanted) > 1 and wanted <= there
    fewest = max(min(2, len(telling)), KEPT * len(telling))
    return len(telling & there) >= fewest


def _in_the_present(text: str) -> str:
    return " ".join(PRESENTS.get(word.lower(), word) for word in words(text))


def _names(beat: str, prose: str) -> set[str]:
    """The stems of the words of `beat` that `prose` has with a capital alone."""
    told = set(words(prose))
    capital = (word for word in words(beat) if word[0].isupper())
    return {
        stem(word)
        for word in capital
        if word.lower() not in told and {word, word.removesuffix("'s")} & told
    }
