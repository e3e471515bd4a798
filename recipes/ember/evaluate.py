"""The recipe's bars, measured on stories never trained on; one table."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from recipes.ember import measures
from recipes.ember.kneser_ney import KneserNey
from recipes.ember.sources import Text
from recipes.ember.turns import THE_END, is_formed
from talecraft.config import models
from talecraft.config.settings import WritingSettings
from talecraft.corpus import outlines
from talecraft.corpus.rendering import plan
from talecraft.corpus.tales import Tale
from talecraft.engine import loading
from talecraft.engine.decoding import Writer
from talecraft.engine.prompting import SPARE_TOKENS
from talecraft.engine.session import Session
from talecraft.learning import rollouts
from talecraft.learning.rollouts import Rollout
from talecraft.paths import home
from talecraft.process.messages import ModelRef
from talecraft.story.context import Block, PromptStyle
from talecraft.story.turns import Sampling
from talecraft.story.window import assemble
from talecraft.story.words import content

# Children's stories and tales; novels and magazines are read too, but the model is not for them.
TOLD = (
    "tinystories", "snakes_child", "snakes_bedtime", "storyweaver", "african", "fairytaleqa",
    "gutenberg_tales", "lcats_tales",
)  # fmt: skip
SHORTEST_STORY = 300  # words
TURNS_A_STORY = 5
TOGETHER = 25  # stories written side by side
SAMPLES = 10  # shown on the model card: the first ones, whatever they are
Tell = Callable[[str], None]


class Written(msgspec.Struct, frozen=True):
    """One first turn, as it came."""

    premise: str
    outline: str
    prose: str


class Figures(msgspec.Struct, frozen=True):
    """What one model does. Shares are in [0, 1]; None where it was not asked."""

    bits: dict[str, float]  # a character, by source; "all" over everything
    formed: float
    closed: float
    followed: float
    shuffled: float
    followed_of: int
    repeated: float
    memorised: float
    ends_when_asked: float
    samples: list[Written]


def page_sampling() -> Sampling:
    """What a new user's page draws with."""
    return WritingSettings().of(models.load(home()).default).sampling(0)


@dataclass(slots=True)
class Teller:
    """One model with the page's defaults: continues stories, turn by turn."""

    folder: Path
    context: int
    sampling: Sampling = field(default_factory=page_sampling)
    style: PromptStyle = field(default_factory=PromptStyle)
    opened: Any = None

    def __post_init__(self) -> None:
        ref = ModelRef("ember", "recipe", str(self.folder), "none", self.context, self.style)
        self.opened = loading.open_model(ref)

    def turns(
        self, premises: Sequence[str], count: int, seed: int, tell: Tell
    ) -> list[list[Rollout]]:
        """`count` turns after each premise, each prompted with the ones before it."""
        codec = self.opened.codec
        opening = self.style.premise_open
        stories = [[Block(f"{opening}{one}\n", source="premise")] for one in premises]
        budgets = self.sampling.outline_tokens + self.sampling.prose_tokens
        room = self.context - budgets - SPARE_TOKENS
        found: list[list[Rollout]] = [[] for _ in premises]
        for turn in range(count):
            for begin in range(0, len(premises), TOGETHER):
                some = range(begin, min(begin + TOGETHER, len(premises)))
                written = rollouts.sample(
                    self.opened.base,
                    codec,
                    [assemble(stories[at], codec, room).ids for at in some],
                    self.sampling,
                    [(seed, turn, at) for at in some],
                    self.opened.pad,
                    grace=True,
                )
                for at, one in zip(some, written, strict=True):
                    found[at].append(one)
                    stories[at].append(Block("", one.response_ids[: one.prose_end]))
                tell(f"  turn {turn + 1} of {count}, {some.stop} of {len(premises)} stories")
        return found

    def asked_to_end(self, prompt: str, outline: str, seed: int) -> bool:
        """Whether the model ends its text itself after a turn with this plan."""
        codec = self.opened.codec
        session = Session(self.opened.base, self.opened.device.name)
        logits = session.read(codec.encode(prompt), lambda: False, lambda done, of: None)
        sampling = msgspec.structs.replace(self.sampling, seed=seed, prose_tokens=300)
        writer = Writer(session, codec, sampling, lambda piece: None)
        response = writer.write(logits, lambda: False, outline)
        return response.stop_reason == "end" and response.ids[-1] in codec.end_ids


def figures(
    folder: Path,
    context: int,
    held: Sequence[Text],
    tales: Sequence[Tale],
    memory: measures.Memory,
    turns: int,
    tell: Tell,
) -> Figures:
    """Everything about the model in `folder`, with `turns` turns written."""
    teller = Teller(folder, context)
    tell("bits a character")
    by_source = bits(teller, held)
    premises = _premises(tales, -(-turns // TURNS_A_STORY))
    tell(f"{turns} turns")
    stories = teller.turns(premises, TURNS_A_STORY, 1, tell)
    every = [one for story in stories for one in story]
    formed = [is_formed(one.outline, one.prose) for one in every]
    opening = len(teller.opened.codec.encode(teller.style.think_open))
    closed = [sum(one.forced) == opening for one in every]
    tell("adherence, repetition, memory, endings")
    kept = [one for one in every if not outlines.copied(one.outline, one.prose)]
    own, other = adherence([(one.outline, one.prose) for one in kept])
    texts = ["\n\n".join(one.prose for one in story) for story in stories]
    return Figures(
        by_source,
        fmean(formed),
        fmean(closed),
        own,
        other,
        len(kept),
        fmean(repeated_at(texts)),
        fmean(memory.holds(one.prose) for one in every),
        fmean(_endings(teller, tales)),
        [
            Written(premise, story[0].outline.strip(), story[0].prose.strip())
            for premise, story in list(zip(premises, stories, strict=True))[:SAMPLES]
        ],
    )


def bits(teller: Teller, held: Sequence[Text], window: int = 512) -> dict[str, float]:
    """Bits a character on texts read as a writer's own, in windows that both models were trained
    for; single line ends between paragraphs or double ones, whichever the model knows better."""
    encode = teller.opened.codec.encode
    opening = teller.style.story_open
    sums = dict[str, float]()
    counts = dict[str, int]()
    for source in sorted({one.source for one in held}):
        texts = [one.body for one in held if one.source == source]
        size = sum(len(text) for text in texts)
        single = [text.replace("\n\n", "\n") for text in texts]
        ways = [
            measures.bits(teller.opened.base, encode, way, opening, window) * size
            for way in (texts, single)
        ]
        sums[source], counts[source] = min(ways), size
    found = {source: sums[source] / counts[source] for source in sums}
    found["all"] = sum(sums[s] for s in TOLD if s in sums) / sum(
        counts[s] for s in TOLD if s in counts
    )
    return found


def adherence(turns: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """The mean share of an outline's content words in its own prose, and in another's."""
    outlined = [(outline, prose) for outline, prose in turns if content(outline)]
    others = [prose for _, prose in outlined]
    random.Random(0).shuffle(others)
    own = [outlines.followed(outline, prose) or 0.0 for outline, prose in outlined]
    shuffled = [
        outlines.followed(outline, prose) or 0.0
        for (outline, _), prose in zip(outlined, others, strict=True)
    ]
    return fmean(own or [0.0]), fmean(shuffled or [0.0])


def repeated_at(texts: Sequence[str], words: int = SHORTEST_STORY) -> list[float]:
    """Repeated 4-grams within the first 300 words of each text that has so many."""
    long = [text.split() for text in texts if len(text.split()) >= words]
    return [measures.repeated(" ".join(one[:words])) for one in long] or [1.0]


def n_gram(train: Sequence[Text], held: Sequence[Text]) -> dict[str, float]:
    """Bits a character of the 8-gram on the same texts."""
    model = KneserNey("\n\n".join(one.body for one in train).encode())
    found = {}
    for source in sorted({one.source for one in held}):
        text = "\n\n".join(one.body for one in held if one.source == source)
        found[source] = _a_character(model, text)
    told = "\n\n".join(one.body for one in held if one.source in TOLD)
    return {**found, "all": _a_character(model, told)}


def _a_character(model: KneserNey, text: str) -> float:
    data = text.encode()
    return model.bits(data) * len(data) / len(text)


def _premises(tales: Sequence[Tale], count: int) -> list[str]:
    some = [one for one in tales if one.source in TOLD and one.premise]
    return [one.premise for one in random.Random(0).sample(some, min(count, len(some)))]


def _endings(teller: Teller, tales: Sequence[Tale], count: int = 50) -> list[bool]:
    """After a held-out story's first two passages: a plan that ends in 'The end'."""
    some = [one for one in tales if len(one.passages) > 2 and len(one.passages[2].outline) > 1]
    chosen = random.Random(0).sample(some, min(count, len(some)))
    found = []
    for seed, one in enumerate(chosen):
        prompt = f"{teller.style.premise_open}{one.premise}\n"
        for passage in one.passages[:2]:
            prompt += f"{teller.style.story_open}{passage.prose}\n"
        outline = plan((*one.passages[2].outline[:2], THE_END))
        found.append(teller.asked_to_end(prompt, outline, seed))
    return found
