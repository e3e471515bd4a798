"""Feedback that cannot teach, and runs that go wrong: refused or stepped back from, in words.

Real runs of a small model, ordered and settled through the studio, with an adapter in use.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from talecraft.errors import UsageError
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import home, private_folder
from talecraft.process import evidence, run_client
from talecraft.process.evidence import Evidence
from talecraft.process.messages import ModelRef
from talecraft.process.run_events import Outcome, PpoSettings, Step
from talecraft.story.turns import Generation, Sampling
from talecraft.studio import Studio
from talecraft.studio.training import Training
from talecraft.studio.waiting import follow
from tests.support import small_run, tiny
from tests.support.small_run import Passage, Runner

WRITTEN = small_run.passages()
RIGHT = small_run.by_length(WRITTEN)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelRef:
    return small_run.small_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, model: ModelRef) -> Iterator[Runner]:
    with small_run.serving(tmp_path_factory.mktemp("server") / "server", model) as serving:
        yield serving


@pytest.fixture
def studio(model: ModelRef, runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """Over the small model, with an adapter in use."""
    place = home()
    private_folder(place.config)
    place.models_file.write_text(
        f'[[model]]\nid = "small"\ntitle = "Small"\nsource = "local"\nlocation = "{model.folder}"\n'
        f'revision = "{model.revision}"\ncontext_length = {model.context_length}\n'
        'licence = "none"\nparameters = "few"\nlora_rank = 4\nlora_alpha = 8\n'
    )
    private_folder(place.adapters)
    made = small_run.adapter_of(model, place.adapters / "first")
    (place.adapters / "first").rename(place.adapters / made.id)
    settle(monkeypatch, runner)
    with Studio(engine_command=tiny.ENGINE, model="small") as opened:
        opened.library.adapters.add(
            Adapter(
                made.id, "small", model.revision, None, "none", made.id, made.files, "candidate", ""
            )
        )
        opened.use_adapter(made.id)
        yield opened


def settle(
    monkeypatch: pytest.MonkeyPatch, runner: Runner, breaks: str = "", **changes: float
) -> None:
    """How the next runs go: spoilt, or with other hyperparameters than the short ones."""
    ppo: PpoSettings = msgspec.structs.replace(small_run.SHORT, **changes)
    monkeypatch.setattr(Training, "ppo", lambda self, model, *_, **__: ppo)
    monkeypatch.setattr(run_client, "COMMAND", runner.command(breaks))


def score(studio: Studio, written: list[Passage], stars: list[int]) -> None:
    """Turns of the small model, a story for every eighth, and their scores."""
    stories = [studio.writing.new_story(f"Story {n}") for n in range(8)]
    for number, (one, given) in enumerate(zip(written, stars, strict=True)):
        made = Generation(
            "small", studio.model.revision, "none", None, "test", Sampling(seed=number),
            one.prompt_ids, one.response_ids, [False] * len(one.response_ids), one.prose_start,
            len(one.response_ids), [-1.0] * len(one.response_ids),
            [-1.0] * len(one.response_ids), "end", 0.1,
        )  # fmt: skip
        turn = studio.library.stories.add_turn(
            stories[number % 8].id, None, "model", one.prose, "- a plan", made
        )
        studio.writing.rate(turn.id, "stars", given)


def run(studio: Studio) -> tuple[TrainingRun, Outcome, int]:
    """One run to its end, settled: the run, its outcome and how many updates it tried."""
    started = studio.training.start(studio.model, seed=1)
    events = list(follow(studio.training, started.id))
    studio.training.settle()
    ended = studio.library.runs.get(started.id)
    log = (studio.home.runs / ended.id / run_client.LOG).read_text()
    assert ended.outcome, log[-2000:]
    tried = sum(isinstance(event, Step) for event in events)
    return ended, msgspec.json.decode(ended.outcome, type=Outcome), tried


def digest(studio: Studio) -> dict[str, str]:
    """The active adapter: its folder's name, and every file's hash."""
    active = studio.library.adapters.active("small")
    assert active is not None
    folder = studio.home.adapters / active.path
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    return {"": active.id, **found}


@pytest.mark.parametrize(
    ("written", "stars", "words"),
    [
        (WRITTEN[:1], RIGHT[:1], "19 more scores or choices are needed"),
        (WRITTEN, [4] * len(WRITTEN), "All scores are the same"),
    ],
    ids=["one score", "all equal"],
)
def test_what_there_is_nothing_to_learn_from_is_refused_before_a_run(
    studio: Studio, written: list[Passage], stars: list[int], words: str
) -> None:
    before = digest(studio)
    score(studio, written, stars)
    assert words in studio.training.plan(studio.model).refusal
    with pytest.raises(UsageError, match=words):
        studio.training.start(studio.model)
    assert studio.library.runs.list() == []
    assert digest(studio) == before


@pytest.mark.parametrize("count", [1, len(WRITTEN)], ids=["one score", "all equal"])
def test_a_run_ordered_without_a_plan_refuses_it_too(
    runner: Runner, model: ModelRef, tmp_path: Path, count: int
) -> None:
    folder = small_run.order(tmp_path / "run", model, None)
    found = evidence.read((folder / run_client.EPISODES).read_bytes().splitlines())
    same = [msgspec.structs.replace(one, stars=4) for one in found.passages[:count]]
    (folder / run_client.EPISODES).write_bytes(Evidence(same).lines())
    assert runner.run(folder).code == 0, (folder / run_client.LOG).read_text()[-2000:]
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert outcome.state == "refused"
    assert "All your opinions are alike" in outcome.words
    assert run_client.CANDIDATE not in os.listdir(folder)


def test_a_writer_who_contradicts_themselves_is_told_so(studio: Studio) -> None:
    """Every passage twice: once with five stars and once with one; and all at random."""
    before = digest(studio)
    twice = [one for one in WRITTEN[:20] for _ in (5, 1)]
    score(studio, twice, [5, 1] * 20)
    ended, outcome, tried = run(studio)
    assert (ended.state, outcome.files, tried) == ("refused", {}, 0)
    assert "do not yet tell me what you like" in outcome.words
    random = np.random.default_rng(8)
    score(studio, WRITTEN, [int(one) for one in random.permutation([1, 2, 3, 4, 5] * 8)])
    ended, outcome, _ = run(studio)
    assert ended.state == "refused"
    assert digest(studio) == before


@pytest.mark.parametrize(
    ("breaks", "changes", "words"),
    [
        ("nan", {}, "The numbers stopped being finite; the last sound state was kept."),
        ("", {"learning_rate": 100 * small_run.SHORT.learning_rate}, "the last sound state"),
    ],
    ids=["a reward that is not a number", "a hundred times the learning rate"],
)
def test_a_run_that_goes_wrong_steps_back_and_the_next_one_works(
    studio: Studio,
    runner: Runner,
    monkeypatch: pytest.MonkeyPatch,
    breaks: str,
    changes: dict[str, float],
    words: str,
) -> None:
    before = digest(studio)
    score(studio, WRITTEN, RIGHT)
    settle(monkeypatch, runner, breaks, **changes)
    ended, outcome, tried = run(studio)
    assert ended.state == "rejected"
    assert words in outcome.words
    assert tried < small_run.SHORT.updates
    assert digest(studio) == before
    settle(monkeypatch, runner)
    ended, outcome, tried = run(studio)
    assert ended.state in ("adopted", "rejected")
    assert tried == outcome.steps == small_run.SHORT.updates
