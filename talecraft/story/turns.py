"""The story and its parts. All are values: identity and storage live in `library`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

Author = Literal["writer", "model"]
StopReason = Literal["end", "length", "cancelled", "plan"]
StoryKind = Literal["story", "taste"]
# What a stretch of context is from; "form" is what the model's own form of asking adds.
Source = Literal["form", "premise", "memory", "character", "lore", "summary", "note", "text"]


class Sampling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the next token is drawn, and how much may be drawn.

    `temperature` 0 is greedy. `top_k` keeps so many tokens (0: all), `top_p` the smallest set with
    that probability, `min_p` those at least that share of the likeliest, `typical_p` those whose
    surprise is nearest to the expected one (Meister et al. 2022, arXiv 2202.00666). With
    `xtc_probability`, of the tokens at least as likely as `xtc_threshold` only the least likely
    stays. `repetition_penalty` divides the logits of tokens already seen; `bias` is what the logits
    of words gain, in nats; `banned` are phrases that may not come, whatever their case. Words that
    would go on repeating the text after `dry_allowed_length` words lose `dry_multiplier` nats,
    `dry_base` times as many for each word more (engine/dry.py). Budgets are in tokens.
    """

    temperature: float = 0.8
    top_p: float = 0.92
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0
    outline_tokens: int = 64
    prose_tokens: int = 200
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    top_k: int = 0
    typical_p: float = 1.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    bias: dict[str, float] = {}
    banned: list[str] = []


class Shown(msgspec.Struct, frozen=True):
    """A stretch of a prompt: what it was from, and how many tokens of it. `name` is an entry's
    title, or a passage's number in its branch."""

    source: Source
    name: str
    tokens: int


class LeftOut(msgspec.Struct, frozen=True):
    """What might have been shown and was not, and why. 0 tokens: never counted."""

    source: Source
    name: str
    tokens: int
    why: str


class Generation(msgspec.Struct, frozen=True):
    """Exactly what the policy did to write one turn; one record per model turn, immutable.

    `response_ids`, `forced`, `raw_logprobs` and `sampled_logprobs` have one entry per token of
    the response. `forced` marks ids the program wrote, not the model (their log-probs are still
    the model's own). `raw` is log p at temperature 1 before any processor, `sampled` after them.
    `prose_start` is the index of the first prose token; `prose_end` the index after the last one
    that later turns see (a stop tag is not carried on). `shown` says what `prompt_ids` are from, in
    order, `left_out` what was not among them; both are empty where that was not recorded.
    """

    model_id: str
    revision: str
    quantisation: str
    adapter_id: str | None
    engine_mode: str
    sampling: Sampling
    prompt_ids: list[int]
    response_ids: list[int]
    forced: list[bool]
    prose_start: int
    prose_end: int
    raw_logprobs: list[float]
    sampled_logprobs: list[float]
    stop_reason: StopReason
    seconds: float
    shown: list[Shown] = []
    left_out: list[LeftOut] = []


class Turn(msgspec.Struct, frozen=True):
    """One passage, by the writer or the model. `outline` is the plan the model wrote before it.

    A `trial` was written to be chosen or not, and belongs to no branch that is read. `revision`
    says which of its later texts `prose` is; 0: as it was written.
    """

    id: int
    story_id: int
    parent_id: int | None
    author: Author
    outline: str
    prose: str
    created_at: str
    generation: Generation | None = None
    trial: bool = False
    revision: int = 0


class Revision(msgspec.Struct, frozen=True):
    """A later text of one turn, by the writer."""

    id: int
    turn_id: int
    prose: str
    created_at: str


StepKind = Literal[
    "write",
    "continue",
    "version",
    "choice",
    "edit",
    "prune",
    "restore",
    "bookmark",
    "title",
    "note",
]


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One pointer moved: the story's open `leaf`, which `text` of a turn is shown (a revision's
    id), whether a turn is `pruned`, which `choice` of it stands (a feedback line's id); or words
    changed: the story's `title`, a turn's `bookmark`, the `note` of a `key` (as JSON) that holds
    from a turn on. None: there is none. `turn_id` 0 where it is the story's."""

    what: Literal["leaf", "text", "pruned", "choice", "title", "bookmark", "note"]
    turn_id: int
    before: int | str | None
    after: int | str | None
    key: str = ""


class Step(msgspec.Struct, frozen=True):
    """What can be undone at once, and done again."""

    id: int
    story_id: int
    kind: StepKind
    changes: Sequence[Change]


class Story(msgspec.Struct, frozen=True):
    """A tree of turns with one open leaf. `draft` is what stands in the composer, unsent; `preset`
    names how words are drawn in it, "": as the settings say.

    One of kind `taste` is no more than a first line that trials were written after.
    """

    id: int
    title: str
    premise: str
    leaf_id: int | None
    draft: str
    created_at: str
    trashed: bool = False
    kind: StoryKind = "story"
    preset: str = ""


class Tree:
    """The turns of one story by their parents: paths, siblings, children. Built, then read."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns: Mapping[int, Turn] = {turn.id: turn for turn in turns}
        self._children: dict[int | None, list[Turn]] = {}
        for turn in turns:
            self._children.setdefault(turn.parent_id, []).append(turn)

    def __len__(self) -> int:
        return len(self._turns)

    def __iter__(self) -> Iterator[Turn]:
        """Every turn of every branch, in the order given."""
        return iter(self._turns.values())

    def turn(self, turn_id: int) -> Turn:
        return self._turns[turn_id]

    def path(self, leaf_id: int | None) -> list[Turn]:
        """From the first turn to `leaf_id`, the text a reader sees."""
        path: list[Turn] = []
        while leaf_id is not None:
            turn = self._turns[leaf_id]
            path.append(turn)
            leaf_id = turn.parent_id
        return path[::-1]

    def children(self, turn_id: int | None) -> list[Turn]:
        """What follows this turn (None: the first ones), oldest first."""
        return self._children.get(turn_id, [])

    def siblings(self, turn_id: int) -> list[Turn]:
        """All versions of this passage, itself included, oldest first."""
        return self._children[self._turns[turn_id].parent_id]


def title_from(premise: str, longest: int = 60) -> str:
    """A story's first title: its premise, cut at a word."""
    line = " ".join(premise.split()).rstrip(".")
    if len(line) <= longest:
        return line or "Untitled"
    return line[:longest].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def word_count(text: str) -> int:
    return len(text.split())
