"""Taste head against reward model on the bundled model, for simulated writers with many scores.

python -m benchmarks.taste_model [--stories 100] [--writer late_speech ...] [--seed 1]

Stories of ten passages each are written with the untouched model and kept in .cache/learning; a
writer of a hidden taste scores them, the hand slipping as everywhere (LEARNING 1.5). Then the trial
of a run: four trainings, and both are asked about the same unseen pairs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import torch

from benchmarks.learning import KEPT
from benchmarks.prompts import unseen
from benchmarks.writers import NOISE, TURNS
from talecraft.config import models
from talecraft.engine import loading
from talecraft.learning import episodes, features, rollouts, taste
from talecraft.learning.contest import Contest
from talecraft.learning.episodes import scored
from talecraft.learning.policy import Policy
from talecraft.learning.reward_model import RewardModel
from talecraft.learning.taste_model import Trial
from talecraft.learning.vocabulary import Vocabulary
from talecraft.paths import home
from talecraft.process.evidence import Episode, Evidence
from talecraft.process.messages import ModelRef
from talecraft.process.run_events import PpoSettings, RewardModelSettings
from talecraft.story.turns import Sampling
from talecraft.studio import simulated


def late_speech(prose: str) -> float:
    """Loves a passage that begins in silence and ends in speech: of the features none says where in
    it somebody speaks."""
    third = len(prose) // 3
    return simulated.dialogue(prose[-third:]) - simulated.dialogue(prose[:third])


TASTES: Mapping[str, simulated.Taste] = {**simulated.TASTES, "late_speech": late_speech}
SAMPLING = Sampling(temperature=0.8, top_p=0.92, outline_tokens=40, prose_tokens=160)


def written(opened: Any, stories: int, ppo: PpoSettings, seed: int) -> list[Episode]:
    """Passages of so many stories, a turn of all of them at a time; no grades."""
    kept = KEPT / f"passages-{stories}-{seed}.json"
    if kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=list[Episode])
    prompts = [opened.codec.encode(f"<prompt>\n{one}\n") for one in unseen(stories)]
    found = []
    for turn in range(TURNS):
        seeds = [(seed, turn, story) for story in range(stories)]
        made = rollouts.sample(opened.base, opened.codec, prompts, SAMPLING, seeds, opened.pad)
        found += [
            Episode(
                len(found) + at, at, one.prompt_ids, one.response_ids, one.prose_start,
                one.prose_end, one.prose.strip(),
            )
            for at, one in enumerate(made)
            if one.prose.strip()
        ]  # fmt: skip
        prompts = [
            episodes.shorten([*one.prompt_ids, *one.response_ids], ppo.prompt_tokens, opened.codec)
            for one in made
        ]
    KEPT.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(msgspec.json.encode(found))
    return found


def contest(name: str, stories: int, seed: int, epochs: int) -> Contest:
    here = home()
    catalogue = models.load(here)
    spec = catalogue.default
    model = ModelRef(
        spec.id, spec.revision, str(catalogue.folder(spec, here)), spec.quantisation,
        spec.context_length, catalogue.style(spec),
    )  # fmt: skip
    opened = loading.open_model(model)
    ppo = PpoSettings(learning_rate=spec.learning_rate, micro_batch=spec.micro_batch)
    passages = written(opened, stories, ppo, seed)
    stars = simulated.grade([TASTES[name](one.prose) for one in passages], NOISE, seed)
    passages = [
        msgspec.structs.replace(one, stars=grade, weight=1.0)
        for one, grade in zip(passages, stars, strict=True)
    ]
    torch.manual_seed(seed)
    policy = Policy(opened.base, spec.lora_rank, spec.lora_alpha, spec.lora_targets)
    words = Vocabulary.of([one.prose for one in passages])
    read = episodes.prose(passages, ppo.prompt_tokens, opened.codec)
    with policy.reference():
        found = features.extract(policy.model, read, opened.pad, words)
    said = scored(Evidence(passages), found, words)
    began = time.monotonic()

    def phase(what: str, _calls: int) -> Any:
        print(f"{time.monotonic() - began:6.0f} s  {what}", flush=True)
        return lambda: None

    settings = RewardModelSettings(epochs=epochs)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tokenizer = loading.load_tokenizer(model)
        one = RewardModel(policy, tokenizer, opened.pad, settings, ppo, place, lambda: None)
        trial = Trial(one, read, said, seed, place, phase)
        return trial.contest(taste.cross_validate(said, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stories", type=int, default=100)
    parser.add_argument("--writer", nargs="+", choices=[*TASTES], default=["late_speech"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=RewardModelSettings().epochs)
    asked = parser.parse_args()
    loading.settle_in()
    for name in asked.writer:
        found = contest(name, asked.stories, asked.seed, asked.epochs)
        low, high = found.gain
        print(f"{name}: {found.words} (difference {low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    main()
