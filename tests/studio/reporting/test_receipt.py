"""The receipt: what was ordered, from what, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import talecraft
from talecraft.library.adapters import Adapter
from talecraft.process import run_events
from talecraft.studio.reporting.receipt import hyperparameters, receipt
from talecraft.studio.reporting.told import gather
from tests.studio.reporting.reader import Reader
from tests.support import paper

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)


def adapter(state: str = "active", **other: object) -> Adapter:
    return Adapter(
        "feedfacecafe0123", "llama-ember", "3", None, paper.RUN, "x", {}, state, "", **other
    )  # type: ignore[arg-type]


def text(events: list[run_events.RunEvent], made: Adapter | None = None, **run: Any) -> str:
    return Reader(receipt(gather(paper.run(**run), events, made), NOW)).text


def test_only_what_differs_is_named_apart_and_all_is_there() -> None:
    every = hyperparameters(
        paper.order(kl_target=4.5, rewards={"taste": 1.0, "finished": 0.7, "length": 0.5})
    )
    assert {one.name: (one.value, one.usual) for one in every if one.changed} == {
        "kl_target": ("4.5", "6"),
        "rewards.length": ("0.5", "0.3"),
    }
    named = {one.name: one.value for one in every}
    fields = set(run_events.PpoSettings.__struct_fields__) - {"rewards"}
    assert fields <= set(named)
    assert (named["lora_rank"], named["lora_alpha"], named["lora_targets"]) == (
        "8", "16", "all-linear",
    )  # fmt: skip
    assert named["sampling.temperature"] == "0.8"


def test_a_run_on_the_pattern_has_its_own_hyperparameters() -> None:
    named = {one.name for one in hyperparameters(paper.order("pattern"))}
    assert set(run_events.PatternSettings.__struct_fields__) <= named
    assert "kl_target" not in named


def test_everything_is_on_it() -> None:
    settings = run_events.encode(paper.order(kl_target=4.5)).decode()
    found = text(paper.ppo_events(paper.outcome()), adapter(), settings=settings)
    for words in (
        paper.RUN, "ppo", "llama-ember@3", "nf4", "0123456789abcdef", "the bare model", "7",
        "number 120 of the log", "84 opinions in 12 stories", "You like dialogue.",
        "71% of 400 unseen pairs ordered rightly (90 % interval 64% to 78%)",
        "2026-11-20 21:00:00 UTC", "150.0 s (2 min)", "feedfacecafe0123",
        "Adapter feedface writes now.", f"Talecraft {talecraft.__version__}, 2026-11-20 21:30 UTC",
        "Talecraft 0.1.0", "kl_target", "4.5", "adapter_model.safetensors", "ab" * 32,
    ):  # fmt: skip
        assert words in found, words
    assert "All as they are by default." not in found


def test_a_reward_model_that_was_tried_is_on_it() -> None:
    tried = msgspec.structs.replace(paper.taste(), tried="A reward model was tried: it <lost>.")
    events = [one for one in paper.ppo_events() if not isinstance(one, run_events.TasteLearned)]
    assert "A reward model was tried: it <lost>." in text([tried, *events])
    assert "Reward model" not in text(paper.ppo_events())


def test_a_run_by_the_defaults() -> None:
    assert "All as they are by default." in text(paper.ppo_events())


def test_a_run_on_the_pattern_names_its_tales_and_no_folder() -> None:
    found = text(paper.pattern_events(), method="pattern")
    assert "220 tales in 1,103 passages, 139,000 tokens; 22 tales held back" in found
    assert "tales.jsonl" in found
    assert "/nowhere" not in found


def test_what_another_version_ordered_is_said_to_be_unreadable() -> None:
    found = text(paper.ppo_events(), settings="{}")
    assert "cannot be read by this one" in found
    assert "llama-ember" in found
    assert "a Talecraft that did not say which" in found


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (adapter("retired"), "Adapter feedface is not in use any more."),
        (adapter("rejected", name="Fox"), "Adapter Fox was made, and not adopted."),
        (adapter("retired", deleted_at="2026"), "Adapter feedface was deleted."),
    ],
)
def test_what_became_of_its_adapter(made: Adapter, words: str) -> None:
    assert words in text(paper.ppo_events(paper.outcome()), made)
