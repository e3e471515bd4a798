"""`python -m recipes.idf CORPUS`: renew the table of words that ships, talecraft/assets/idf.json.

Counted over the texts of the bundled model (recipes/ember/sources.py), filtered and deduplicated
as for it, without those that a language model under a licence of its own has written, and with the
magazine stories that the model learns little from: their words are nearer to today's. What is
counted is named in NOTICE.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from recipes.ember import prepare, sources
from talecraft.config.assets import idf_file
from talecraft.corpus import passages
from talecraft.story.idf import Idf

FEWEST = 10  # passages; the table stays below 400 kB


def counted(corpus: Path, told: Counter[str], seed: int = 0) -> Idf:
    """The table; `told` counts the passages by their source."""
    return Idf.of(_passages(corpus, told, random.Random(seed)), FEWEST)


def _passages(corpus: Path, told: Counter[str], rng: random.Random) -> Iterator[str]:
    left = Counter[str]()
    for text in prepare.unique(prepare.sound(sources.read(corpus), left), left):
        if text.source.startswith("snakes"):
            continue
        for passage in passages.cut(text.body, rng):
            told[text.source] += 1
            yield passage


def main() -> None:
    told = Counter[str]()
    found = counted(Path(sys.argv[1]), told)
    data = msgspec.json.encode(found)
    idf_file().write_bytes(data)
    for source, count in told.most_common():
        print(f"{count:>9,}  {source}")
    print(f"{found.documents:>9,}  passages; {len(found.words):,} words, {len(data) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
