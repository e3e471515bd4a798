"""Names that the synthetic texts use too often are given to at most a fair share of stories."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from recipes.ember.sources import Text

SHARE = 0.004  # of all stories may have one and the same of these names
WOMEN = (
    "Lily Mia Anna Sara Sarah Lucy Sue Amy Emma Sally Jane Mary Elara Lyra Luna Aria Aurora Maya"
    " Sophia Emily Akira Eira Ava Zara Lila Ella Mira Nova Selene Kaelin Elian"
).split()
MEN = (
    "Tom Ben Tim Max Jack Sam Timmy Tommy Billy Bob John Joe Spot Fin Zephyr Kael Leo Finn Orion"
    " Jax Alex Ryder Kai Elian Thorne"
).split()
NEW_WOMEN = (
    "Agnes Alma Annika Beatrix Bertha Birdie Bridget Carmen Celia Clara Cora Daphne Delia Dora"
    " Edith Effie Elsie Esther Etta Fern Flora Freya Gerda Greta Hanna Harriet Hazel Helga Hilda"
    " Ida Imogen Ines Ingrid Iris Isla Ivy Joan Josie June Katya Kirsten Leila Lena Lotte Louisa"
    " Mabel Marta Matilda Maud Meera Minna Molly Nadia Nell Nina Nora Olga Olive Opal Pearl Petra"
    " Philippa Polly Priya Rosa Rosie Ruth Salma Sigrid Sonya Stella Susan Tess Thea Tilda Ursula"
    " Vera Wanda Willa Winnie Yara Zelda"
).split()
NEW_MEN = (
    "Abel Albert Alfie Amos Anton Arlo Arthur Barnaby Basil Bert Boris Bruno Caleb Cedric Clem"
    " Conrad Cyril Dan David Dmitri Edgar Edwin Eli Emil Eric Ernest Ezra Felix Frank Fred George"
    " Gilbert Gus Harold Hector Henry Hugh Hugo Ian Igor Ira Isaac Ivan Jasper Jonah Joel Josef"
    " Karl Kofi Lars Leon Lewis Linus Louis Magnus Marcus Martin Mateo Milo Nat Ned Niels Noah"
    " Olaf Oliver Omar Oscar Otto Owen Patrick Paul Percy Peter Philip Ralph Ravi Robin Rufus"
    " Silas Simon Stan Sven Theo Toby Victor Walter Wilbur Will Yusuf"
).split()
_OLD = {**dict.fromkeys(WOMEN, NEW_WOMEN), **dict.fromkeys(MEN, NEW_MEN)}
_NAME = re.compile(r"\b(" + "|".join(sorted(_OLD, key=len, reverse=True)) + r")\b")


def capped(texts: Iterable[Text], seed: int) -> Iterator[Text]:
    """Texts in random order of fairness but their own order of place: a name whose share is used
    up becomes another one, the same through the whole story."""
    every = list(texts)
    most = max(1, round(SHARE * len(every)))
    used: Counter[str] = Counter()
    keeps: dict[int, set[str]] = {}
    for at in random.Random(seed).sample(range(len(every)), len(every)):
        for name in sorted({*_NAME.findall(every[at].body)}):
            if used[name] < most:
                used[name] += 1
                keeps.setdefault(at, set()).add(name)
    for at, one in enumerate(every):
        present = {*_NAME.findall(one.body)} - keeps.get(at, set())
        yield _renamed(one, sorted(present), random.Random(f"{seed} {at}")) if present else one


def _renamed(one: Text, present: list[str], rng: random.Random) -> Text:
    taken = {*re.findall(r"\b[A-Z][a-z]+\b", one.body)}
    new: dict[str, str] = {}
    for old in present:
        free = [name for name in _OLD[old] if name not in taken]
        new[old] = rng.choice(free or _OLD[old])
        taken.add(new[old])

    def instead(text: str) -> str:
        return _NAME.sub(lambda found: new.get(found.group(), found.group()), text)

    return msgspec.structs.replace(
        one,
        title=instead(one.title),
        body=instead(one.body),
        premise=instead(one.premise),
        summary=instead(one.summary),
        sections=tuple(instead(section) for section in one.sections),
    )
