"""The gate's checks, each on numbers made by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from talecraft.learning import checks, evaluate
from talecraft.learning.evaluate import Judge, Opinions
from talecraft.learning.intervals import bootstrap, gains
from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.length import asks_for_length
from talecraft.learning.policy import Policy
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_events import PpoSettings
from talecraft.story.turns import Sampling
from tests.support.models import bundled_base, codec, tiny_llama


def judge(held=(), said=None):
    opinions = Opinions(lambda x: x[:, 0], held, said, 0)
    return Judge(opinions, None, [], [], [], [], Sampling(), PpoSettings(), 0, 1)


def written(prose, count=40, stop="end"):
    return [Rollout([1], prose=prose, outline="- a plan", stop_reason=stop) for _ in range(count)]


def test_the_interval_holds_the_mean_and_narrows_with_more():
    wide = bootstrap(np.array([1.0, 0.0] * 8), 0)
    narrow = bootstrap(np.array([1.0, 0.0] * 200), 0)
    assert wide[0] == narrow[0] == 0.5
    assert wide[1] < narrow[1] < 0.5 < narrow[2] < wide[2]
    # 5th percentile of a mean of 400 coins: 0.5 - 1.645 * 0.5 / 20
    assert narrow[1] == pytest.approx(0.459, abs=0.01)


def test_the_gate_writes_after_every_prompt_and_then_again():
    """The order that `Judge.interval` counts on, with other draws the second time."""
    policy = Policy(bundled_base(), 2, 4, "all-linear")
    prompts = [codec().encode(f"<prompt>\n{text}\n") for text in ("A fox", "Two owls", "A key")]
    sampling = Sampling(outline_tokens=8, prose_tokens=12)
    asked = dataclasses.replace(judge(), prompts=prompts, sampling=sampling)
    found = evaluate._write(policy, codec(), asked, None, lambda: None)
    by_prompt = np.array([one.prompt_ids[-3:] for one in found]).reshape(2, 3, -1)
    assert (by_prompt[0] == by_prompt[1]).all()
    assert [one.prompt_ids for one in found[:3]] == prompts
    assert [one.prose for one in found[:3]] != [one.prose for one in found[3:]]


def test_gains_by_hand():
    """+6, -1, -1, 0: of 8 that changed 6 are for the better. Where nothing did, half."""
    value, low, high = bootstrap(*_both(np.array([6.0, -1.0, -1.0, 0.0])))
    assert value == pytest.approx(6 / 8)
    assert (low, high) == (0.0, 1.0), "of four prompts nothing is sure"
    assert bootstrap(*_both(np.zeros(4))) == (0.5, 0.5, 0.5)
    assert bootstrap(*_both(np.array([0.1, 2.0, 30.0, 0.4]))) == (1.0, 1.0, 1.0)


def _both(differences):
    won, sizes = gains(differences)
    return won, 0, sizes


def test_few_clear_wins_do_not_drown_in_guesses_and_guesses_alone_win_nothing():
    """One passage in five is what the writer loves; the judge's guesses about the others lean the
    wrong way. Without the loved ones nothing is surely won."""
    random = np.random.default_rng(0)
    guesses = random.normal(-0.2, 0.5, 120)
    loved = np.where(np.arange(120) % 5 == 0, 5.0, guesses)
    value, low, high = judge().interval(*gains(loved))
    assert value > evaluate.LEAST_WIN
    assert 0.5 < low < value < high < 1
    assert (loved > 0).mean() < 0.55, "a plain win rate would not tell"
    surely = [judge().interval(*gains(random.normal(0, 1, 120)))[1] > 0.5 for _ in range(200)]
    assert sum(surely) <= 20, "a twentieth by chance"


def test_passages_of_one_prompt_are_one_draw():
    """Two that always agree make the mean no surer than one of each would."""
    coins = np.array([1.0, 0.0] * 20)
    assert judge().settings.gate_samples == 2
    assert judge().interval(np.concatenate([coins, coins])) == bootstrap(coins, 1)
    value, low, high = judge().interval(np.concatenate([coins, 1 - coins]))
    assert value == low == high == 0.5, "prompt by prompt they are even"


@pytest.mark.parametrize(("kl", "passes"), [(0.1, True), (10.0, True), (10.1, False)])
def test_distance_is_at_most_twice_the_target(kl, passes):
    assert checks.closeness(kl, PpoSettings(kl_target=5.0)).passed is passes


@pytest.mark.parametrize(
    ("after", "wanted", "passes"),
    [
        ("one two three four", 0, True),
        ("one", 0, False),
        ("one", -1, True),
        ("one", 1, False),
        ("one two three four five six seven", 1, True),
        ("one two three four five six seven", -1, False),
    ],
)
def test_length_may_change_only_where_the_scores_ask_for_it(after, wanted, passes):
    check = checks.length(wanted, written("one two three four"), written(after))
    assert check.passed is passes


def test_repetition_is_refused():
    before, after = written("the cat sat on a mat"), written("the cat the cat the cat the cat")
    assert checks.variety(before, before).passed
    assert not checks.variety(before, after).passed
    assert checks.variety(before, after).value == pytest.approx(2 / 7)


def test_passages_that_do_not_end_are_refused_only_where_that_is_sure():
    interval = judge().interval
    whole, broken = written("a b c"), written("a b c", stop="length")
    assert checks.validity(interval, whole, whole).passed
    assert checks.validity(interval, whole, whole[:38] + broken[:2]).passed, "two may be chance"
    assert not checks.validity(interval, whole, whole[:30] + broken[:10]).passed


def test_perplexity_is_that_of_the_plain_model():
    policy = Policy(tiny_llama(), 4, 8, "all-linear")
    passages = [[5, 6, 7, 8], [9, 10, 11]]
    total = 0.0
    for ids in passages:
        table = torch.log_softmax(tiny_llama()(torch.tensor([ids])).logits[0, :-1], -1)
        total -= float(table[range(len(ids) - 1), ids[1:]].sum())
    assert checks.perplexity(policy, passages) == pytest.approx(np.exp(total / 5), rel=1e-5)


def test_scores_that_go_with_length_are_noticed():
    lengths = np.arange(40)
    assert asks_for_length(lengths, np.repeat([1, 2, 3, 4], 10)) == 1
    assert asks_for_length(lengths, np.repeat([4, 3, 2, 1], 10)) == -1
    assert asks_for_length(lengths, np.array([1, 2, 3, 4] * 10)) == 0
    assert asks_for_length(lengths, np.full(40, 3)) == 0
    random = np.random.default_rng(0)
    misread = [asks_for_length(np.arange(24), random.integers(1, 6, 24)) for _ in range(200)]
    assert np.count_nonzero(misread) <= 8, "chance is not a wish"


LOVED = "the old grey owl sat on the cold stone wall and sang to the moon all night"


def test_copying_what_was_loved_is_refused():
    fresh, copied = written("a b c"), written(f"Then {LOVED} long.")
    assert not checks.memory(judge().interval, [LOVED], fresh, copied).passed
    assert checks.memory(judge().interval, [LOVED], copied, copied).passed, "the root did so too"
    assert checks.memory(judge().interval, [LOVED], fresh, fresh).passed
    eleven = " ".join(LOVED.split()[:11])
    assert checks.memory(judge().interval, [LOVED], fresh, written(eleven)).passed


@pytest.mark.parametrize(("right", "passes"), [(8, True), (5, True), (4, True), (0, False)])
def test_agreement_fails_only_where_it_is_surely_worse(right, passes, monkeypatch):
    """Twelve choices of stories of their own, so many of them foretold by the candidate; the root
    foretells half. Four right of twelve may still be chance; none is not."""
    rows = np.arange(0, 24, 2)
    said = Scored(
        torch.zeros(24, 12, dtype=torch.float64),
        torch.zeros(24, dtype=torch.float64),
        torch.zeros(24, dtype=torch.float64),
        np.repeat(np.arange(12), 2),
        np.repeat(np.arange(12), 2),
        Pairs(rows, rows + 1, np.ones(12), np.zeros(12, dtype=bool)),
    )
    foretold = np.zeros(24)
    foretold[rows] = np.where(np.arange(12) < right, 1.0, -1.0)
    told = iter([np.zeros(24), foretold])  # of the root, then of the candidate
    monkeypatch.setattr(evaluate, "_likelihood", lambda policy, judge, held: next(told))
    policy = Policy(tiny_llama(), 2, 4, "all-linear")
    asked = judge(said=said)
    (check,) = evaluate._agreement(policy, asked, asked.opinions, None)
    assert (check.value, check.passed) == (pytest.approx(right / 12), passes)
