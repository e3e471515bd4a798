"""The parts of the reward, each by hand."""

import math

import pytest
import torch

from talecraft.errors import EngineError
from talecraft.learning.rewards import length as length_part
from talecraft.learning.rewards import registry, semantic
from talecraft.learning.rewards.completeness import completeness
from talecraft.learning.rewards.finished import finished
from talecraft.learning.rewards.form import dialogue_share, form, human_share
from talecraft.learning.rewards.format import format_, of_plan
from talecraft.learning.rewards.part import Ground
from talecraft.learning.rewards.repetition import human_repetition, repetition
from talecraft.learning.rollouts import Rollout
from talecraft.story import rewards
from talecraft.story.idf import Idf, terms

IDF = Idf(9, {"the": 9, "fox": 1, "ran": 4})


def rollout(prose="A fox came.", outline="- a fox", stop="end", forced=(True, False, False)):
    """A turn whose plan is as long as `forced` tells."""
    return Rollout(
        [1], prose=prose, outline=outline, stop_reason=stop,
        forced=[*forced, False], prose_start=len(forced),
    )  # fmt: skip


class Spelled:
    """Words are as near as the letters that they begin with."""

    def words(self, texts):
        return [self._of(terms(text)) for text in texts]

    def passages(self, texts):
        return torch.stack([self._of(terms(text))[1].sum(0) for text in texts])

    def _of(self, found):
        vectors = torch.zeros(len(found), 26)
        for row, word in enumerate(found):
            vectors[row, ord(word[0]) - ord("a")] = 1.0
        return found, vectors


def ground(*reference, **changes):
    return Ground(reference or (rollout(),), ["A fox ran."], IDF, Spelled(), **changes)


@pytest.mark.parametrize(
    ("one", "worth"),
    [
        (rollout(), 0.0),
        (rollout(stop="length"), -1.0),
        (rollout(outline=" "), -1.0),
        (rollout(prose="\n"), -1.0),
    ],
)
def test_a_turn_is_finished_with_a_plan_prose_and_its_own_end(one, worth):
    assert finished(one) == worth


def test_repetition_counts_beyond_what_people_do():
    """Pairs (the, cat) three times and (cat, the) twice: 3 of 5 are repeats."""
    again = rollout("the cat the cat the cat")
    assert repetition(again, 0.1) == pytest.approx(-0.5)
    assert repetition(again, 0.7) == 0
    assert human_repetition(["the cat the cat the cat", "one two three"]) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("words", "wanted", "worth"),
    [
        (13, 0, 0.0),
        (7, 0, 0.0),
        (16, 0, math.exp(-0.5) - 1),  # 0.6 off: one deviation, 0.3, beyond the room
        (4, 0, math.exp(-0.5) - 1),
        (4, -1, 0.0),
        (16, -1, math.exp(-0.5) - 1),
        (16, 1, 0.0),
        (4, 1, math.exp(-0.5) - 1),
    ],
)
def test_length_is_flexible_and_free_on_the_side_that_is_asked_for(words, wanted, worth):
    found = length_part.length(rollout(" ".join(["word"] * words)), 10.0, wanted)
    assert found == pytest.approx(worth, rel=1e-5)


def test_the_target_follows_what_was_scored_high_where_the_scores_surely_ask_for_it():
    liked = ["word " * 15] * 5
    assert length_part.target(10.0, 0, liked) == 10
    assert length_part.target(10.0, 1, liked) == 15
    assert length_part.target(10.0, -1, liked) == 10, "that is the other side"
    assert length_part.target(10.0, 1, liked[:4]) == 10, "too few"
    assert length_part.target(10.0, 1, ["word " * 90] * 5) == 20, "no further than twice"
    usual = ground(rollout("one two"), rollout("one")).usual_words
    assert usual == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("prose", "share"),
    [
        ("The fox ran.", 0.0),
        ("“Run!” it said.", 6 / 13),
        ('"Run!" it said.', 6 / 13),
        ("“Run! it said.\nIt ran on.", 12 / 20),  # an open mark ends with its paragraph
        ("FOX: Run!\nIt ran.", 8 / 14),
        ("— Run now.\nIt ran.", 8 / 14),
        ("It was 6:30 then.", 0.0),
        ("", 0.0),
    ],
)
def test_the_share_of_dialogue(prose, share):
    assert dialogue_share(prose) == pytest.approx(share)


def test_dialogue_costs_what_is_more_than_people_have():
    half = rollout("“Abc,” Abcde.")  # 6 of 12 letters
    assert form(half, 0.5) == 0
    assert form(half, 0.2) == pytest.approx(-0.3 / 0.8)
    assert form(rollout("“Abc.”"), 0.2) == -1
    assert form(rollout(" "), 0.2) == -1, "nothing is no prose"
    assert human_share(["“Abc,” Abcde.", "None."]) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("one", "worth"),
    [
        (rollout(), 0.0),
        (rollout(forced=(True, False, True)), -0.25),  # the program closed the plan
        (rollout(forced=(True, True)), -0.25),  # or wrote all of it
        (rollout(outline=""), -0.25),
        (rollout(outline="\n".join(["- a beat"] * 9)), -0.25),
        (rollout(outline="- " + "word " * 31), -0.25),
        (rollout(prose="# A fox"), -0.25),
        (rollout(prose="A fox.\n- and an owl"), -0.25),
        (rollout(prose="A fox.</story>"), -0.25),
        (rollout(outline="", prose=""), -0.75),
    ],
)
def test_the_form_of_the_pattern(one, worth):
    assert format_(one) == worth


def test_half_of_the_form_is_decided_by_the_plan():
    assert of_plan(rollout(prose="")) == 0.5
    assert of_plan(rollout(forced=(True, True))) == 0.25
    assert of_plan(rollout(outline="- " + "word " * 31, forced=(True, True))) == 0.0


def test_a_turn_is_complete_when_it_ends_and_takes_up_its_beats():
    """IDF: fox log(10/2), ran log(10/5), far and sleeps log(10/1), the 0."""
    outline = "- The fox ran far\n- It sleeps"
    done = rollout("The foxes ran far. They sleep.", outline)
    assert completeness(done, IDF) == pytest.approx((1 + 1) / 2 - 1), "by stems"
    assert completeness(rollout("The fox.", outline), IDF) == pytest.approx((1 + 0) / 2 - 1), (
        "log 5 of log 5 + log 2 + log 10 are less than half"
    )
    assert completeness(rollout("They sleep.", outline, stop="length"), IDF) == pytest.approx(
        0.5 / 2 - 1
    )
    assert completeness(rollout("They sleep.", ""), IDF) == -1
    assert completeness(rollout("Any.", "- 1\n- 2"), IDF) == -0.5, "a beat without words is none"


def test_recall_is_weighted_by_what_words_tell():
    """Plan: fox (log 5), ran (log 2), the (0). The prose has a word with f, none with r."""
    encoder = Spelled()
    plan, prose = encoder.words(["The fox ran", "a fish"])
    expected = math.log(5) / (math.log(5) + math.log(2))
    assert semantic.recall(plan, prose, IDF) == pytest.approx(expected, rel=1e-5)
    twice, _ = encoder.words(["The fox, fox ran", ""])
    expected = 2 * math.log(5) / (2 * math.log(5) + math.log(2))
    assert semantic.recall(twice, prose, IDF) == pytest.approx(expected, rel=1e-5)
    assert semantic.recall(plan, encoder.words([""])[0], IDF) == 0
    assert semantic.recall(encoder.words(["the"])[0], prose, IDF) == 0, "that tells nothing"


def test_every_name_has_its_part_and_every_part_its_name():
    assert {*registry.BUILD, rewards.TASTE} == set(rewards.NAMES) == set(rewards.PARTS)
    assert set(rewards.DEFAULT_WEIGHTS) <= set(rewards.NAMES)
    turns = [rollout(), rollout("“Run!” A fish ran. A fish ran.", "- fox", "length")]

    def classify(texts):
        return torch.tensor([-float(len(one)) for one in texts], dtype=torch.float64)

    parts = registry.build(rewards.NAMES, ground(*turns, classify=classify, manner=classify))
    for name, part in parts.items():
        values = part.of(turns)
        assert (values.shape, values.dtype) == ((2,), torch.float64), name
        assert part.least_spread > 0
        worth = values.tolist()
        assert worth[0] >= worth[1] - 1e-9, f"{name}: the first is the better one"


def test_the_manner_is_read_off_the_prose_alone():
    given = []

    def near(texts):
        given.extend(texts)
        return torch.tensor([0.25 * len(one) for one in texts], dtype=torch.float64)

    (part,) = registry.build(["style"], ground(manner=near)).values()
    assert part.of([rollout("Oh.", outline="- a plan"), rollout("")]).tolist() == [0.75, 0.0]
    assert given == ["Oh.", ""]


def test_without_a_manner_there_is_none_to_be_rewarded_by():
    with pytest.raises(EngineError, match="no manner to be rewarded by"):
        registry.build(["style"], ground())
