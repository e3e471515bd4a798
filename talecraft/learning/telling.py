"""An update in figures, and every turn that was drawn for it with what it was worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.learning.rewards.total import Valued
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_events import Drawn, Practised, Step
from talecraft.story.clean import clean
from talecraft.story.traits import distinct2, words_of

PROMPT_SHOWN = 300  # characters of what a turn goes on from


def figures(
    number: int, updates: int, sampled: Sequence[Rollout], valued: Valued, kl: Tensor,
    kl_target: float, beta: float, entropy: float,
) -> Step:  # fmt: skip
    """The figures of update `number` before its steps are taken, of all that was `sampled`; `kl`
    (N,) in nats a sequence."""
    return Step(
        step=number,
        total=updates,
        reward=float(valued.total.mean()),
        parts=valued.means,
        kl=float(kl.mean()),
        kl_target=kl_target,
        beta=beta,
        entropy=entropy,
        clip_fraction=0.0,
        value_loss=0.0,
        policy_loss=0.0,
        length=float(np.mean([len(words_of(one.prose)) for one in sampled])),
        repetition=1 - float(np.mean([distinct2(words_of(one.prose)) for one in sampled])),
        finished=float(np.mean([one.finished for one in sampled])),
        seconds=0.0,
        eta=0.0,
    )


def drawn(
    number: int, codec: Codec, sampled: Sequence[Rollout], valued: Valued, kl: Tensor, kept: Tensor
) -> Drawn:
    """What was drawn for update `number`; `kl` (N,) in nats, `kept` (N,) marks what is learned
    from."""
    return Drawn(
        number,
        [
            Practised(
                shown(codec, one.prompt_ids)[-PROMPT_SHOWN:],
                clean(one.outline).strip(),
                clean(one.prose).strip(),
                float(valued.total[row]),
                valued.shares(row),
                float(kl[row]),
                bool(kept[row]),
            )
            for row, one in enumerate(sampled)
        ],
    )


def shown(codec: Codec, prompt: Sequence[int]) -> str:
    """A prompt as a reader sees it: without its tags, and the example before it."""
    text = codec.decode(list(prompt))
    style = codec.style
    text = text.removeprefix(style.example)
    for tag in (style.premise_open, style.think_open, style.story_open, *style.stops):
        text = text.replace(tag.strip(), "")
    return clean(text).strip()
