"""Rollouts: turns in the pattern of the page, many at once, to be valued and learned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from talecraft.engine.batch import Batch, Row
from talecraft.engine.codec import Codec
from talecraft.engine.lookahead import Opening
from talecraft.learning.company import Company
from talecraft.story.turns import Sampling, StopReason

# A step of a small model costs little more for 64 rows than for 32: a quarter less for each.
FEWEST, MOST, ROOM_MB = 32, 64, 256
_BYTES, _TOKENS = 4, 400


@dataclass(slots=True)
class Rollout:
    """One sampled turn: what a Generation records, without the log-probs."""

    prompt_ids: list[int]
    response_ids: list[int] = field(default_factory=list)
    forced: list[bool] = field(default_factory=list)
    outline: str = ""
    prose: str = ""
    prose_start: int = 0
    prose_end: int = 0
    stop_reason: StopReason = "length"

    @property
    def finished(self) -> bool:
        """Did the model end the turn itself, with a plan and prose in it?"""
        return self.stop_reason == "end" and bool(self.outline.strip() and self.prose.strip())


def sample(
    model: Any,
    codec: Codec,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    seeds: Sequence[Sequence[int]],
    pad: int,
    batch: int | None = None,
    alive: Callable[[], None] | None = None,
    grace: bool = False,
    openings: Sequence[Opening] | None = None,
) -> list[Rollout]:
    """One turn for each prompt, in order. `seeds` (one per prompt) decide every draw.

    Prompts of like length are batched together, `batch` at a time; None: as many as are quickest
    within ROOM_MB of cache. With `grace` prose may finish its sentence beyond
    its budget, as on the page. With `openings` (one per prompt) that much of each turn is there
    already. `alive`, if given, is called at each step and may
    raise to stop.
    """
    batch = batch or at_a_time(model.config)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    rollouts: dict[int, Rollout] = {}
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        begun = [openings[i] if openings is not None else None for i in chosen]
        rows = [
            Row(prompts[i], codec, sampling, seeds[i], grace, one)
            for i, one in zip(chosen, begun, strict=True)
        ]
        together = Batch(model, rows, sampling, pad)
        going = True
        while going:
            if alive is not None:
                alive()
            going = together.step()
        rollouts.update((i, _rollout(row)) for i, row in zip(chosen, rows, strict=True))
    return [rollouts[i] for i in range(len(prompts))]


def sample_together(
    company: Company,
    model: Any,
    codec: Codec,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    seeds: Sequence[Sequence[int]],
    pad: int,
    alive: Callable[[], None] | None = None,
    group: int = 1,
) -> list[Rollout]:
    """`sample`, each process of the company a share of whole groups, `group` in a row: all turns,
    in order. Raises as Company.meet does."""

    def mine(asked: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[Rollout]:
        some, their_seeds = zip(*asked, strict=True)
        return sample(model, codec, some, sampling, their_seeds, pad, alive=alive)

    return company.spread(mine, list(zip(prompts, seeds, strict=True)), group)


def at_a_time(config: Any) -> int:
    """How many rows of a few hundred tokens keep their keys and values within ROOM_MB."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = config.hidden_size // config.num_attention_heads
    row = 2 * config.num_hidden_layers * heads * width * _BYTES * _TOKENS
    return int(min(MOST, max(FEWEST, ROOM_MB * 2**20 // row)))


def _rollout(row: Row) -> Rollout:
    made = row.response
    return Rollout(
        row.prompt, made.ids, made.forced, made.outline, made.prose, made.prose_start,
        made.prose_end, made.stop_reason,
    )  # fmt: skip
