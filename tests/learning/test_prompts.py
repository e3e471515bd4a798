"""What is practised on and what the gate asks never meet."""

import msgspec
import pytest

from talecraft.learning.prompts import Prompts
from talecraft.process.evidence import Episode
from talecraft.process.run_events import PpoSettings
from tests.support.models import codec

SETTINGS = PpoSettings(prompt_tokens=32, gate_prompts=20)
SHIPPED = ("A fox", "An owl", "A bear")
GATE = ("A gate", "A key")


def prompts(*own: str, **changes: int) -> Prompts:
    settings = msgspec.structs.replace(SETTINGS, **changes)
    return Prompts(codec(), settings, own, SHIPPED, GATE, 1)


def told(found: list[list[int]]) -> list[str]:
    return [codec().decode(one).removeprefix("<prompt>\n").strip() for one in found]


def passage(text: str) -> Episode:
    ids = codec().encode(f"<prompt>\n{text}\n")
    return Episode(1, 1, ids, [1, 2], 1, 2, "Prose.")


def test_without_prompts_of_its_own_the_shipped_ones_are_practised() -> None:
    found = prompts()
    assert told(found.practised(())) == list(SHIPPED)
    assert told(found.unpractised(())) == list(GATE)
    assert found.for_examples()[1] == GATE


def test_there_are_as_many_beginnings_as_middles() -> None:
    passages = [passage(f"A story of {n} mice") for n in range(7)]
    found = told(prompts().practised(passages))
    assert found[:7] == [f"A story of {n} mice" for n in range(7)]
    assert found[7:] == [*SHIPPED, *SHIPPED]


def test_a_quarter_of_its_own_is_held_back() -> None:
    own = [f"Story {n}" for n in range(40)]
    found = prompts(*own, *own[:5])
    practised, held = told(found.practised(())), told(found.unpractised(()))
    assert (len(practised), len(held)) == (30, 10)
    assert {*practised, *held} == set(own)
    few = prompts(*own, gate_prompts=9)
    assert len(told(few.unpractised(()))) == 9


def test_of_few_none_is_held_back_and_the_shipped_ones_judge() -> None:
    found = prompts(*(f"Story {n}" for n in range(31)))
    assert len(told(found.practised(()))) == 31
    assert told(found.unpractised(())) == list(GATE)


def test_the_gate_asks_for_nothing_that_the_writer_has_begun() -> None:
    assert told(prompts().unpractised([passage("A gate")])) == ["A key"]


def test_two_that_begin_alike_are_one_and_never_on_both_sides() -> None:
    """They differ beyond what there is room for."""
    alike = [f"{'word ' * 60}{n}" for n in range(40)]
    found = prompts(*alike, *(f"Story {n}" for n in range(40)))
    practised, held = told(found.practised(())), told(found.unpractised(()))
    assert len(practised) + len(held) == 41
    assert not set(practised) & set(held)
    assert told(prompts("A gate").unpractised(())) == ["A key"], "what is practised judges nothing"


@pytest.mark.parametrize("words", [40, 400])
def test_a_long_prompt_is_cut(words: int) -> None:
    own = [f"{n} " + "word " * words for n in range(4)]
    assert all(len(one) <= SETTINGS.prompt_tokens for one in prompts(*own).practised(()))
