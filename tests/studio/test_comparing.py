"""The blind trial: the same prompts and seeds, shuffled sides, and a verdict that counts."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from talecraft.errors import AdapterError, UsageError
from talecraft.process.messages import Draft
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.comparing import Comparison, Tally
from talecraft.studio.rounds import Pair
from tests.studio.conftest import run
from tests.support.tiny import until


@pytest.fixture
def adapters(studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One adopted adapter, and a newer one that was rejected."""
    found = [run(studio, end, monkeypatch, seed) for end, seed in (("adopted", 1), ("rejected", 2))]
    return [one.adapter_id for one in found if one.adapter_id is not None]


def judge(trial: Comparison, verdict: Callable[[Pair], str]) -> None:
    while not trial.round.over:
        until(lambda: trial.round.pair is not None)
        pair = trial.round.pair
        assert pair is not None
        trial.round.choose(verdict(pair))  # type: ignore[arg-type]


def prefers(adapter_id: str | None) -> Callable[[Pair], str]:
    """A reader who likes what this adapter writes."""

    def verdict(pair: Pair) -> str:
        assert pair.a.generation is not None
        return "a" if pair.a.generation.adapter_id == adapter_id else "b"

    return verdict


def active(studio: Studio) -> str | None:
    found = studio.library.adapters.active(studio.model.id)
    return found.id if found else None


def test_the_writers_verdict_overrules_the_gate(studio: Studio, adapters: list[str]) -> None:
    adopted, rejected = adapters
    trial = Comparison(studio, pairs=6)
    assert trial.first is not None
    assert trial.second is not None
    assert (trial.first.id, trial.second.id) == (rejected, adopted), "the newest, and what it met"
    judge(trial, prefers(rejected))
    assert trial.tally == Tally(6, 0, 0)
    assert not trial.writes_already
    with pytest.raises(UsageError, match="was rejected"):
        studio.use_adapter(rejected)
    assert active(studio) == adopted
    used = trial.adopt()
    assert used is not None
    assert used.id == active(studio) == rejected
    assert trial.writes_already


def test_the_bare_model_may_win_too(studio: Studio, adapters: list[str]) -> None:
    trial = Comparison(studio, adapters[0][:6], "none", pairs=4)
    judge(trial, prefers(None))
    assert trial.tally == Tally(0, 4, 0)
    assert trial.winner is None
    assert trial.adopt() is None
    assert active(studio) is None
    assert trial.writes_already


def test_each_pair_is_one_prompt_and_one_seed_by_both(studio: Studio, adapters: list[str]) -> None:
    trial = Comparison(studio, *adapters, pairs=8, seed=1)
    sides, older = [], []

    def verdict(pair: Pair) -> str:
        a, b = pair.a.generation, pair.b.generation
        assert a is not None
        assert b is not None
        assert {a.adapter_id, b.adapter_id} == set(adapters)
        assert a.sampling == b.sampling
        assert (pair.a.story_id, pair.a.parent_id) == (pair.b.story_id, pair.b.parent_id)
        sides.append(a.adapter_id)
        older.append((a if pair.a.id < pair.b.id else b).adapter_id)
        return "="

    judge(trial, verdict)
    assert set(sides) == set(adapters), "sides are shuffled"
    assert set(older) == set(adapters), "and a turn's id does not say whose it is"
    assert trial.tally == Tally(0, 0, 8)
    log = [one for one in studio.library.feedback.all() if one.kind == "choice"]
    assert len(log) == 8
    assert {one.tags for one in log} == {("compare", f"A:{adapters[0]}", f"B:{adapters[1]}")}
    with pytest.raises(UsageError, match="Neither was chosen more often"):
        trial.adopt()


def test_all_pairs_are_asked_for_at_once(
    studio: Studio, adapters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Draft] = []
    generate = studio.engine.generate
    monkeypatch.setattr(
        studio.engine, "generate", lambda one: (asked.append(one), generate(one))[1]
    )
    trial = Comparison(studio, pairs=10)
    judge(trial, lambda pair: "neither")
    assert [len(one.prompts) for one in asked] == [10]
    assert trial.tally == Tally(0, 0, 10)


@pytest.mark.parametrize(
    ("word", "tally"), [("SAME", (0, 4, 4)), ("EMPTY", (0, 4, 4)), ("MUTE", (4, 4, 0))]
)
def test_what_needs_no_reader_is_counted_and_not_shown(
    studio: Studio, adapters: list[str], word: str, tally: tuple[int, int, int]
) -> None:
    story = studio.writing.new_story(word)
    for number in range(3):
        studio.writing.say(story.id, f"Line {number}.")
    trial = Comparison(studio, *adapters, story_id=story.id, pairs=8)
    shown = []
    prefer = prefers(adapters[1])
    judge(trial, lambda pair: (shown.append(pair.before), prefer(pair))[1])
    until(lambda: len(trial.round.unshown) == 4)
    assert not any(word in before for before in shown)
    assert len(shown) == trial.round.judged == trial.round.total == 4
    assert not trial.round.failure
    assert trial.tally == Tally(*tally)
    log = [one for one in studio.library.feedback.all() if one.kind == "choice"]
    assert len(log) == 4, "the log has what a reader said"
    assert trial.round.undo()
    assert trial.round.pair is not None
    assert word not in trial.round.pair.before


def test_a_trial_without_any_pair_to_show_ends(studio: Studio, adapters: list[str]) -> None:
    trial = Comparison(studio, *adapters, story_id=studio.writing.new_story("SAME").id, pairs=1)
    until(lambda: trial.round.over)
    assert trial.tally == Tally(0, 0, 1)
    assert trial.round.pair is None
    assert not trial.round.undo()


def test_a_trial_broken_off_lets_nothing_write(studio: Studio, adapters: list[str]) -> None:
    adopted, rejected = adapters
    trial = Comparison(studio, pairs=3)
    prefer = prefers(rejected)
    for judged in (1, 2):
        until(lambda: trial.round.pair is not None)
        assert trial.round.pair is not None
        trial.round.choose(prefer(trial.round.pair))  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=f"Only {judged} of 3 pairs were judged"):
            trial.adopt()
    studio.tasting.stop()
    assert trial.tally.leader == 0
    assert not trial.whole
    with pytest.raises(UsageError, match="Only 2 of 3"):
        trial.adopt()
    assert active(studio) == adopted


def test_a_verdict_taken_back_does_not_count(studio: Studio, adapters: list[str]) -> None:
    trial = Comparison(studio, pairs=2)
    until(lambda: trial.round.pair is not None)
    trial.round.choose("a")
    trial.round.undo()
    assert trial.tally == Tally(0, 0, 0)


def test_what_cannot_be_compared(studio: Studio, adapters: list[str]) -> None:
    for wrong in (("none", "none"), (adapters[0], adapters[0][:8]), ("zz", "none")):
        with pytest.raises(UsageError):
            Comparison(studio, *wrong)
    os.truncate(studio.home.adapters / adapters[1] / "adapter_model.safetensors", 9)
    with pytest.raises(AdapterError, match="damaged"):
        Comparison(studio)


def test_without_an_adapter_there_is_nothing_to_compare(studio: Studio) -> None:
    with pytest.raises(UsageError, match="no adapter to compare yet"):
        Comparison(studio)


@pytest.mark.parametrize(
    ("tally", "leader", "p", "words"),
    [
        (Tally(6, 2, 2), 0, 74 / 256, "may still be chance"),
        (Tally(2, 6, 2), 1, 74 / 256, "may still be chance"),
        (Tally(1, 7, 0), 1, 18 / 256, "may still be chance"),
        (Tally(1, 8, 0), 1, 20 / 512, "unlikely to be chance"),
        (Tally(5, 0, 5), 0, 1 / 16, "may still be chance"),
        (Tally(6, 0, 0), 0, 1 / 32, "unlikely to be chance"),
        (Tally(2, 2, 1), None, 1.0, "Neither"),
        (Tally(0, 0, 3), None, 1.0, "Neither"),
    ],
)
def test_the_sign_test(tally: Tally, leader: int | None, p: float, words: str) -> None:
    assert tally.leader == leader
    assert tally.p == pytest.approx(p)
    assert words in tally.words
