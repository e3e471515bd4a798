"""Orders for real training runs of a few seconds, and whoever carries them out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from talecraft.config.assets import reference, reference_file
from talecraft.process import adapter_files, run_client, run_events
from talecraft.process.evidence import Episode, Evidence
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Outcome, PpoSettings, RunEvent, RunSettings
from talecraft.story.turns import Sampling
from tests.support import run_server
from tests.support.models import bundled_ref, tokenizer

SECONDS = 120.0
# What a run whose trainer is TRL's imports beside that of PPO (learning/hosted.py).
TRL = (
    "datasets",
    *(f"trl.trainer.{one}_trainer" for one in ("sft", "dpo", "kto", "grpo", "reward")),
)
SHORT = PpoSettings(
    updates=6,
    batch=8,
    oversample=1,
    minibatch=4,
    micro_batch=4,
    epochs=1,
    outline_tokens=8,
    prose_tokens=20,
    prompt_tokens=48,
    reference_samples=12,
    gate_prompts=4,
    gate_samples=1,
    learning_rate=3e-3,
)


def small_base() -> Any:
    """Two layers of random weights over the bundled model's vocabulary."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    source = Path(bundled_ref().folder)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=json.loads((source / "config.json").read_bytes())["vocab_size"],
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
        tie_word_embeddings=True,
        initializer_range=0.15,  # as sure of its words as a trained one, so that it can go astray
    )
    return LlamaForCausalLM(config).eval()


def small_model(folder: Path) -> ModelRef:
    """Such a model with the bundled one's tokeniser: a run of it takes seconds."""
    source = Path(bundled_ref().folder)
    small_base().save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder / name)
    return msgspec.structs.replace(bundled_ref(), id="small", folder=str(folder))


def adapter_of(model: ModelRef, folder: Path) -> AdapterRef:
    """An adapter of `model` that has learned nothing yet."""
    from talecraft.engine import loading
    from talecraft.learning.policy import Policy

    policy = Policy(loading.load_base(model)[0], 4, 8, "all-linear")
    files = policy.save(folder, model.key)
    return AdapterRef(adapter_files.content_id(files), str(folder), files, model.key)


class Passage(NamedTuple):
    """What a model might have written."""

    prompt_ids: list[int]
    response_ids: list[int]
    prose_start: int
    prose: str


def passages(count: int = 40, stories: int = 8) -> list[Passage]:
    """Beginnings of the shipped passages, of many lengths."""
    texts, prompts = reference("passage"), reference("prompt")
    found = []
    for number in range(count):
        words = texts[number % len(texts)].split()[: 6 + number * 7 % 40]
        plan = _ids("<think>\n- a plan\n<story>\n")
        prose = " ".join(words)
        prompt = _ids(f"<prompt>\n{prompts[number % stories]}\n")
        found.append(Passage(prompt, plan + _ids(prose), len(plan), prose))
    return found


def _ids(text: str) -> list[int]:
    return list(tokenizer().encode(text, add_special_tokens=False))


def by_length(written: Sequence[Passage]) -> list[int]:
    """Stars of a writer who likes long passages."""
    lengths = np.array([len(one.prose) for one in written])
    cuts = np.quantile(lengths, [0.2, 0.4, 0.6, 0.8])
    return [int(grade) + 1 for grade in np.digitize(lengths, cuts)]


def order(
    folder: Path,
    model: ModelRef,
    parent: AdapterRef | None,
    stories: int = 8,
    root: AdapterRef | None = None,
) -> Path:
    """Lay out a run's folder as the program would."""
    folder.mkdir()
    written = passages(stories=stories)
    episodes = [
        Episode(
            turn_id=number,
            group=number % stories,
            prompt_ids=one.prompt_ids,
            response_ids=one.response_ids,
            prose_start=one.prose_start,
            prose_end=len(one.response_ids),
            prose=one.prose,
            stars=stars,
            weight=1.0,
        )
        for number, (one, stars) in enumerate(zip(written, by_length(written), strict=True))
    ]
    (folder / run_client.EPISODES).write_bytes(Evidence(episodes).lines())
    settings = RunSettings(
        "r", "ppo", model, parent, 4, 8, "all-linear", 1, len(episodes), str(reference_file()),
        Sampling(outline_tokens=8, prose_tokens=20), SHORT, root=root,
    )  # fmt: skip
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    return folder


class Ended(NamedTuple):
    """`code` is negative for a signal; `beats` and `others` as in run_server."""

    code: int
    beats: list[str]
    others: list[int]


class Runner:
    """Has runs carried out by a run_server."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, folder: Path, **how: Any) -> Ended:
        """Run to the end. `kill_after` seconds it is killed from without."""
        kill_after = how.pop("kill_after", None)
        with run_server.ask(str(self.path), {"folder": str(folder), **how}) as asked:
            asked.settimeout(SECONDS)
            answers = asked.makefile()
            pid = json.loads(answers.readline())["pid"]
            if kill_after is not None:
                asked.settimeout(kill_after)
                try:
                    return Ended(**json.loads(answers.readline()))
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                asked.settimeout(SECONDS)
                answers = asked.makefile()  # one that has timed out reads no more
            return Ended(**json.loads(answers.readline()))

    def command(self, breaks: str = "") -> tuple[str, ...]:
        """What the program can launch in place of its own command."""
        more = (breaks,) if breaks else ()
        return (sys.executable, run_server.__file__, "launch", str(self.path), *more)


@contextmanager
def serving(path: Path, model: ModelRef, *more: str) -> Iterator[Runner]:
    """A run_server at the Unix socket `path`, which has imported `more` than a run of PPO does."""
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, run_server.__file__, "serve", str(path), model.folder, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": root,
            "TRL_EXPERIMENTAL_SILENCE": "1",
            "HF_DATASETS_CACHE": str(path.parent),  # read when it is imported
        },
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield Runner(path)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def events(folder: Path) -> list[RunEvent]:
    return EventTail(folder).read()


def outcome(folder: Path) -> Outcome | None:
    return run_client.outcome(folder)


def candidate(folder: Path, model: ModelRef) -> AdapterRef:
    """The adapter that a run has made, proved to be whole."""
    ended = outcome(folder)
    assert ended is not None
    made = AdapterRef(ended.adapter_id, str(folder / run_client.CANDIDATE), ended.files, model.key)
    adapter_files.verify(made)
    assert adapter_files.content_id(made.files) == made.id
    return made
