"""Each family of models on the whole road: fetched, written with, scored, trained, written with
what was learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from talecraft.config import models
from talecraft.config.assets import reference
from talecraft.engine import loading
from talecraft.engine.decoding import Writer
from talecraft.engine.session import Session
from talecraft.learning import rollouts
from talecraft.learning.events import Events
from talecraft.learning.lessons import Lessons
from talecraft.learning.run import Run
from talecraft.process import adapter_files, run_client, run_events
from talecraft.process.evidence import Episode, Evidence
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_events import PpoSettings, RunSettings
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from talecraft.studio import Studio
from talecraft.studio.adding import Wish, add
from tests.support import families
from tests.support.hub import Hub, Repository
from tests.support.hub_fixtures import hub as hub

SAMPLING = Sampling(outline_tokens=8, prose_tokens=20, top_p=1.0, seed=5)
PPO = PpoSettings(
    updates=1, batch=4, oversample=1, minibatch=4, micro_batch=2, epochs=1, outline_tokens=8,
    prose_tokens=16,
    prompt_tokens=48, ensemble=2, reference_samples=6, gate_prompts=3, gate_samples=1,
    learning_rate=1e-2,
)  # fmt: skip
ENTRIES = {
    "gpt2": "gpt2", "llama-3": "llama-3-8b", "mistral": "mistral-7b", "solar": "solar-10.7b",
}  # fmt: skip
QUANTISATIONS = ("nf4", "int8", "bf16", "fp32")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every family's model, made once."""
    place = tmp_path_factory.mktemp("families")
    for name, make in families.FAMILIES.items():
        make(place / name)
    return {name: place / name for name in families.FAMILIES}


def fetched(hub: Hub, folder: Path, name: str) -> ModelRef:
    """Pulled from a hub by its entry in the catalogue, or one that is added, as a writer would."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    with Studio() as studio:
        if name in ENTRIES:
            spec = studio.catalogue.get(ENTRIES[name])
            hub.repositories[spec.location] = Repository(files)
        else:
            hub.repositories[f"who/{name}"] = Repository(files)
            spec = add(studio.home, studio.catalogue, f"who/{name}", Wish())
        studio.fetching.pull(spec.id)
        return studio.model_ref(models.load(studio.home).get(spec.id))


def written(opened: loading.Opened, base: Any, seed: int = 5) -> Any:
    """A first turn, by the page's own loop."""
    codec = opened.codec
    session = Session(base, opened.device.name)
    block = Block(f"{codec.style.premise_open}{reference('prompt')[0]}\n")
    logits = session.read(codec.premise(block), lambda: False, lambda done, total: None)
    sampling = msgspec.structs.replace(SAMPLING, seed=seed)
    return Writer(session, codec, sampling, lambda piece: None).write(logits, lambda: False)


def scored(folder: Path, opened: loading.Opened, ref: ModelRef) -> RunSettings:
    """Passages of the model's own, the long ones liked, as a run's order."""
    style = opened.codec.style
    prompts = [
        opened.codec.premise(Block(f"{style.premise_open}{text}\n"))
        for text in reference("prompt")[:24]
    ]
    drawn = rollouts.sample(
        opened.base, opened.codec, prompts, SAMPLING, [(5, at) for at in range(24)], opened.pad
    )
    lengths = np.array([len(one.prose) for one in drawn])
    stars = np.digitize(lengths, np.quantile(lengths, [0.2, 0.4, 0.6, 0.8])) + 1
    episodes = [
        Episode(
            at, at % 6, one.prompt_ids, one.response_ids, one.prose_start, one.prose_end,
            one.prose, int(given), 1.0,
        )
        for at, (one, given) in enumerate(zip(drawn, stars, strict=True))
    ]  # fmt: skip
    folder.mkdir()
    few = [
        {"kind": kind, "text": text}
        for kind, count in (("prompt", 8), ("gate", 4), ("passage", 4))
        for text in reference(kind)[:count]  # type: ignore[arg-type]
    ]
    (folder / "reference.jsonl").write_text("\n".join(map(json.dumps, few)))
    (folder / run_client.EPISODES).write_bytes(Evidence(episodes).lines())
    return RunSettings(
        "r", "ppo", ref, None, 4, 8, "all-linear", 1, len(episodes),
        str(folder / "reference.jsonl"),
        SAMPLING, PPO,
    )  # fmt: skip


@pytest.mark.rounds(1)
@pytest.mark.parametrize("family", families.FAMILIES)
def test_the_whole_road(
    made: dict[str, Path],
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    family: str,
    nth: tuple[int, int],
) -> None:
    """In one round each family at a quantisation of its own; in four each at every one."""
    turn = list(families.FAMILIES).index(family) + nth[0]
    quantisation = QUANTISATIONS[turn % len(QUANTISATIONS)]
    # What a model of random weights writes has nothing in it to have a taste for.
    monkeypatch.setattr(Lessons, "passed", True)
    ref = fetched(hub, made[family], family)
    ref = msgspec.structs.replace(ref, quantisation=quantisation)
    opened = loading.open_model(ref)
    first = written(opened, opened.base)
    assert first.outline.strip(), "a plan before the prose, whatever the model wants"
    assert first.prose.strip()
    assert written(opened, opened.base).ids == first.ids
    settings = scored(tmp_path / "run", opened, ref)
    (tmp_path / "run" / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    outcome = Run(tmp_path / "run", settings, Events(tmp_path / "run")).execute()
    assert outcome.state in ("adopted", "rejected"), outcome.words
    assert outcome.steps == 1
    folder = tmp_path / "run" / run_client.CANDIDATE
    adapter = AdapterRef(outcome.adapter_id, str(folder), outcome.files, ref.key)
    assert adapter_files.verify(adapter) == folder
    worn = loading.attach(opened.base, adapter, ref)
    learned = written(opened, worn)
    assert learned.prose.strip()
    assert learned.raw != first.raw, "what was learned speaks"
    assert written(opened, loading.detach(worn)).raw == first.raw, "and leaves no trace"
