"""The gate of a pattern adapter, each check on turns made by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from talecraft.corpus.tales import Passage
from talecraft.engine.batch import Row
from talecraft.learning import pattern_gate
from talecraft.learning.intervals import bootstrap
from talecraft.learning.pattern_gate import Judge, followed, well_formed
from talecraft.learning.policy import Policy, token_logprobs
from talecraft.learning.rollouts import _rollout
from talecraft.learning.scribe import Piece, Scribe
from talecraft.process.run_events import PatternSettings
from talecraft.story.turns import Sampling
from tests.learning.test_policy import nudge
from tests.support import tales as hand
from tests.support.models import bundled_base, codec, tokenizer

PAGE = Sampling(outline_tokens=12, prose_tokens=16)


def turn(text: str, sampling: Sampling = PAGE):
    """What a row becomes whose model writes just this after the opening of its plan."""
    row = Row(codec().encode("<prompt>\nA fox.\n"), codec(), sampling, 1)
    ids = codec().encode(text)
    while not row.done:
        forced = bool(row._queue)
        row.next(ids[0] if ids else 1)
        if not forced and ids and not row.response.forced[-1]:
            ids.pop(0)
    return _rollout(row)


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("- It hides.\n<story>\nIt hid.\n<think>", True),
        ("- It hides.\n<story>\nIt hid.\n<eos>", True),
        ("- It hides.\n<story>\n<think>", False),  # no prose
        ("<story>\nIt hid.\n<think>", False),  # no plan
        ("- It hides.\n<eos>", False),  # the plan was closed by the program
        ("- It hides" + " and hides" * 20 + "\n<story>\nIt hid.\n<think>", False),  # ... too
        ("- It hides.\n<story>\nIt hid" + " and hid" * 30, False),  # it would not end
    ],
)
def test_a_turn_is_well_formed_where_nothing_was_forced_but_its_opening(text, well):
    assert well_formed(codec(), turn(text)) is well


def order(**changes):
    made = Judge(
        held=hand.tales(5),
        passages=[one.passages[0] for one in hand.tales(5)],
        neutral=[codec().encode("A door stood open. Nobody had come in for a week.")],
        more=["A ship.", "A bell rings.", "A ship."],
        opponent=None,
        sampling=PAGE,
        settings=PatternSettings(gate_turns=6),
        window=256,
        pad=0,
        seed=3,
        alive=lambda: None,
    )
    return dataclasses.replace(made, **changes)


def scribe():
    return Scribe.of(codec(), tokenizer(), 256)


def test_it_writes_after_unseen_premises_and_fills_up_with_the_shipped_ones():
    prompts = pattern_gate._prompts(scribe(), order())
    texts = [codec().decode(one) for one in prompts]
    assert texts[:5] == [f"<prompt>\n{one.premise}\n" for one in hand.tales(5)]
    assert texts[5:] == ["<prompt>\nA ship.\n"], "six are asked for, each once"


def test_there_is_room_for_passages_as_long_as_those_learned_from():
    page = Sampling()
    own = pattern_gate.roomy(codec(), order(sampling=page, window=1024), 20)
    assert own == page, "the page's own where they are short"
    long = Passage(("It goes on and on and on and on and on",) * 3, "It went on. " * 40)
    wide = pattern_gate.roomy(codec(), order(passages=[long], window=1024), 20)
    assert wide.outline_tokens >= 1.2 * len(codec().encode("- " + "\n- ".join(long.outline)))
    assert wide.prose_tokens >= 1.2 * len(codec().encode(long.prose))
    narrow = pattern_gate.roomy(codec(), order(passages=[long], window=128), 20)
    assert 20 + narrow.outline_tokens + narrow.prose_tokens <= 128
    planned = Passage(("It goes on and on and on and on and on",) * 30, "It went on.")
    tight = pattern_gate.roomy(codec(), order(sampling=page, passages=[planned], window=400), 100)
    assert 100 + tight.outline_tokens + tight.prose_tokens <= 400
    assert tight.prose_tokens >= 1
    assert (wide.temperature, wide.top_p) == (PAGE.temperature, PAGE.top_p)


def test_a_loss_by_hand():
    policy = Policy(bundled_base(), 2, 4, "all-linear")
    lesson = scribe().encode(Piece(hand.tale(1)))
    ((nats, tokens),) = pattern_gate.losses(policy, [[lesson]])
    assert tokens == sum(lesson.learned)
    ids = torch.tensor([lesson.ids])
    head = policy.model.get_base_model().get_output_embeddings()
    with torch.no_grad():
        states = policy.hidden(ids)[0, :-1]
        every, _ = token_logprobs(states, head, ids[0, 1:])
    assert nats == pytest.approx(-float(every[torch.tensor(lesson.learned[1:])].sum()), rel=1e-5)
    assert pattern_gate.mean_loss(policy, [lesson]) == pytest.approx(nats / tokens)


def test_unseen_tales_must_surely_be_foretold_better():
    before = np.array([[30.0, 10.0]] * 12)
    less = np.array([2.0, 0.0])
    better, worse = before - less, before + less
    found = pattern_gate._loss(before, better, 1)
    assert found.passed
    assert found.value == pytest.approx(-0.2)
    assert "16.4 pieces of words; before 20.1" in found.words
    assert not pattern_gate._loss(before, worse, 1).passed
    assert not pattern_gate._loss(before, before, 1).passed
    mixed = before + np.array([[3.0, 0.0], [-3.1, 0.0]] * 6)
    assert pattern_gate._loss(before, mixed, 1).value < 0
    assert not pattern_gate._loss(before, mixed, 1).passed, "better, but not surely"


def test_the_form_must_be_kept_surely_enough():
    good = turn("- It hides.\n<story>\nIt hid.\n<think>")
    bad = turn("- It hides.\n<eos>")

    def form(was, now):
        sides = ([good] * n + [bad] * (40 - n) for n in (was, now))
        return pattern_gate.form(codec(), *sides, 1)

    assert form(0, 38).passed
    assert form(0, 38).value == pytest.approx(0.95)
    assert "before 0%" in form(0, 38).words
    assert not form(0, 20).passed, "half of the turns is not the pattern, whatever was before"
    assert not form(40, 32).passed, "it kept the form better before"
    assert form(40, 39).passed
    _, low, high = bootstrap(np.array([1.0] * 38 + [0.0] * 2), 1)
    assert (form(0, 38).low, form(0, 38).high) == (low, high)


def test_a_turn_that_ends_after_a_few_words_is_no_passage():
    tokens = len(codec().encode(hand.tale(0).passages[0].prose))
    room = Sampling(outline_tokens=12, prose_tokens=4 * tokens)
    asked = order(sampling=room)
    prose = hand.tale(0).passages[0].prose
    whole = turn(f"- It hides.\n<story>\n{prose}\n<think>", room)
    short = turn("- It hides.\n<story>\nIt hid.\n<think>", room)
    found = pattern_gate._length(codec(), asked, [whole] * 30)
    assert found.passed
    assert found.value == pytest.approx(1.0, abs=0.1)
    assert not pattern_gate._length(codec(), asked, [short] * 28 + [whole] * 2).passed


def test_how_much_of_a_plan_stands_in_its_passage_and_in_anothers():
    foxes = turn("- The fox hides.\n<story>\nA fox was hiding.\n<think>")
    bells = turn("- A bell rings.\n<story>\nThe bell rang out.\n<think>")
    assert followed([foxes]) == 1.0, "by their stems"
    assert followed([foxes, bells], shift=1) == 0.0
    assert followed([turn("<story>\nNothing was planned.\n<think>")]) == 0.0
    check = pattern_gate._followed([foxes], [bells])
    assert check.passed, "it is shown, and decides nothing"


def test_harm_is_found_out_and_the_policy_left_as_it_was():
    """An adapter that was pushed about at random: a worse reader and a worse writer."""
    harmed = nudge(Policy(bundled_base(), 2, 4, "all-linear"))
    before = harmed.snapshot()
    verdict = pattern_gate.judge(harmed, scribe(), order())
    failed = {one.name for one in verdict.checks if not one.passed}
    assert {"held-out loss", "perplexity"} <= failed
    assert len(verdict.samples) == 3
    assert verdict.samples[0].prompt == hand.tale(0).premise
    after = harmed.snapshot()
    assert all((after[name] == one).all() for name, one in before.items())
