"""`python -m talecraft.learning.survey FOLDER`: what there is to learn the pattern from, no more.

Of many tales only some are counted in tokens, and the others reckoned from them: the answer is
waited for.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from talecraft.corpus.reading import read
from talecraft.engine import loading
from talecraft.engine.codec import Codec
from talecraft.learning import material
from talecraft.learning.child import answer
from talecraft.learning.scribe import Scribe
from talecraft.process.run_events import RunSettings, TalesRead

COUNTED = 400  # tales
NAMED = 3  # of those that are left out


def _ends(tokenizer: Any) -> set[int]:
    own = tokenizer.eos_token_id
    return set() if own is None else {int(own)}


def survey(settings: RunSettings) -> TalesRead:
    """Figures of the order's data. Raises UsageError for data that cannot be read."""
    every = read(Path(settings.data), most=settings.pattern.most_tales)
    tales, left = material.told(every.tales)
    left += [f"{where} (too short)" for where in every.short]
    tokenizer = loading.load_tokenizer(settings.model)
    codec = Codec(tokenizer, settings.model.style, _ends(tokenizer))
    scribe = Scribe.of(codec, tokenizer, settings.pattern.max_tokens)
    some = tales[:: max(1, len(tales) // COUNTED)]
    found = material.prepare(some, scribe, settings.pattern, settings.seed).summary(scribe)
    train, held = material.split(tales, settings.pattern.held_out, settings.seed)
    more = len(train) / max(1, found.tales - found.held_out)
    return msgspec.structs.replace(
        material.summary(train, held),
        tokens=round(more * found.tokens),
        examples=round(more * found.examples),
        left_out=len(left),
        left_out_first=left[:NAMED],
        there=every.there,
    )


if __name__ == "__main__":
    sys.exit(answer(lambda _folder, order: survey(order)))
