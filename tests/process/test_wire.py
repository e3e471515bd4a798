"""Every message survives the wire; what is no message is refused."""

from __future__ import annotations

import msgspec
import pytest

from talecraft.process import evidence, messages, run_events
from talecraft.process.evidence import Episode, Evidence, Preference
from talecraft.process.messages import (
    AdapterRef,
    Begun,
    Cancel,
    Candidate,
    Command,
    Delta,
    Draft,
    Drafted,
    DraftsOver,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Middle,
    ModelRef,
    Phase,
    Probe,
    Probed,
    Quit,
    TokenOdds,
)
from talecraft.process.run_events import (
    Check,
    Outcome,
    PpoSettings,
    RunPhase,
    RunSettings,
    Sample,
    Step,
    TasteLearned,
)
from talecraft.story.context import Block, PromptStyle
from talecraft.story.turns import Generation, Sampling

MODEL = ModelRef("m", "r1", "/m", "nf4", 512, PromptStyle(stops=("<a>",), chat=True))
ADAPTER = AdapterRef("a1", "/a", {"f": "00"}, "m@r1")
MADE = Generation(
    "m", "r1", "nf4", None, "x", Sampling(seed=3), [1], [2, 3], [True, False], 1, 2,
    [-0.5, -1.0], [-0.25, -2.0], "end", 0.5,
)  # fmt: skip
COMMANDS = [
    Load(MODEL, ADAPTER),
    Load(MODEL),
    Generate(1, [Block("Es war einmal …\n", [1, 2]), Block("b")], Sampling(seed=1), "- plan"),
    Generate(2, [], Sampling()),
    Draft(3, "m@r1", [[Block("a", [1])], [Block("b")]], Sampling(), [[1, 2], [3, 4]]),
    Draft(4, "m@r1", [[Block("a")]], Sampling(), [[1, 1]], [ADAPTER, None]),
    Generate(5, [], Sampling(), begun=Begun("m@r1", [1, 2], 1, 7)),
    Probe(6, "m@r1", [1], [2, 3], ADAPTER),
    Probe(7, "m@r1", [1], [2, 3], active=True, top=3),
    Draft(5, "m@r1", [[Block("a")]], Sampling(), [[1]], middle=Middle("- a", "b ", " …c", False)),
    Cancel(1),
    Quit(),
]
EVENTS = [
    Phase("reading", "x", 3, 9),
    Loaded("m", "r1", "none", "cpu", "float32", 512, None),
    Delta(1, "think", "- “a”\u2028"),
    Probed(
        6, [TokenOdds("\ufffd", Candidate(1, " a", -1.5), 2, [Candidate(4, "[b]", -0.1)])], None
    ),
    Probed(7, [], "a1"),
    Finished(1, "- plan", "Prose\nmore.", MADE),
    Drafted(3, 1, [Finished(3, "- a", "A.", MADE), Finished(3, "- b", "B.", MADE)], [-1.5, -2.0]),
    DraftsOver(3),
    Failed(None, "m", "h", True),
]
RUN_EVENTS = [
    RunPhase("words", 0.5),
    TasteLearned(60, 6, 300, 0.7, 0.6, 0.8, True, "w"),
    Step(1, 2, 0.5, {"taste": 0.4}, 1.0, 3.0, 0.05, 2.0, 0.1, 0.2, 0.1, 60.0, 0.0, 0.5, 9.0, "n"),
    Outcome(
        "adopted", "w", [Check("c", 1.0, ">= 1", True, "w", 0.1, 0.2)], [Sample("p", "b", "a")]
    ),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: type(one).__name__)
def test_commands(command: Command) -> None:
    line = messages.encode(command)
    assert b"\n" not in line
    assert messages.decode_command(line) == command


@pytest.mark.parametrize("event", EVENTS, ids=lambda one: type(one).__name__)
def test_events(event: Event) -> None:
    line = messages.encode(event)
    assert b"\n" not in line
    assert messages.decode_event(line) == event


@pytest.mark.parametrize("event", RUN_EVENTS, ids=lambda one: type(one).__name__)
def test_run_events(event: run_events.RunEvent) -> None:
    assert run_events.decode_event(run_events.encode(event)) == event


def order() -> RunSettings:
    return RunSettings(
        run_id="r",
        method="ppo",
        model=MODEL,
        parent=ADAPTER,
        lora_rank=8,
        lora_alpha=16,
        lora_targets=["q"],
        seed=7,
        watermark=12,
        reference_file="/r",
        sampling=Sampling(seed=7),
        ppo=PpoSettings(updates=2),
    )


def test_a_runs_order() -> None:
    assert run_events.decode_settings(run_events.encode(order())) == order()
    found = Evidence(
        [
            Episode(1, 2, [1], [2], 0, 1, "p", 4, 0.7),
            Episode(2, 2, [1], [], 0, 0, "q", edited=True),
        ],
        [Preference(1, 0, 0.5, "edit"), Preference(0, 1, 1.0, "choice", tie=True)],
        ["My own words."],
    )
    assert evidence.read(found.lines().splitlines()) == found
    assert found.opinions == 3


def test_a_misspelt_hyperparameter_is_refused() -> None:
    misspelt = msgspec.to_builtins(order())
    misspelt["ppo"]["noptepochs"] = 1
    with pytest.raises(msgspec.ValidationError, match="noptepochs"):
        run_events.decode_settings(msgspec.json.encode(misspelt))


@pytest.mark.parametrize("line", [b"", b"hello", b"{}", b'{"type":"fly"}', b'{"type":"cancel"}'])
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        messages.decode_command(line)
