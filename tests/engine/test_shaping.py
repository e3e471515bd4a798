"""What a sampling makes of logits: as transformers' own processors do, and XTC by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from talecraft.engine import shaping
from talecraft.engine.batch import BatchSampler
from talecraft.engine.sampling import Sampler
from talecraft.engine.shaping import Shaping, Xtc
from talecraft.story.turns import Sampling
from tests.support.models import codec

NOTHING = torch.zeros((1, 0), dtype=torch.long)
FLAT = Sampling(temperature=1.0, top_p=1.0)


def logits(seed=0, size=600):
    return torch.randn((1, size), generator=torch.Generator().manual_seed(seed)) * 3


def shaped(scores, written=NOTHING, chance=None, **changes):
    changes = {"temperature": 1.0, "top_p": 1.0} | changes
    return Shaping(Sampling(**changes), codec())(scores, written, chance)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("changes", "theirs"),
    [
        ({"temperature": 0.7}, TemperatureLogitsWarper(0.7)),
        ({"top_k": 7}, TopKLogitsWarper(7)),
        ({"top_k": 5_000}, TopKLogitsWarper(5_000)),
        ({"top_p": 0.8}, TopPLogitsWarper(0.8)),
        ({"min_p": 0.05}, MinPLogitsWarper(0.05)),
        ({"typical_p": 0.4}, TypicalLogitsWarper(0.4)),
    ],
)
def test_each_is_transformers_own(changes, theirs, seed):
    one = logits(seed)
    expected = torch.softmax(theirs(NOTHING, one), -1)
    found = torch.softmax(shaped(one, **changes), -1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_they_are_applied_one_on_what_the_other_left():
    one = logits(3)
    chain = (TemperatureLogitsWarper(1.3), TopKLogitsWarper(40), MinPLogitsWarper(0.02),
             TypicalLogitsWarper(0.9), TopPLogitsWarper(0.9))  # fmt: skip
    expected = one
    for processor in chain:
        expected = processor(NOTHING, expected)
    found = shaped(one, temperature=1.3, top_k=40, min_p=0.02, typical_p=0.9, top_p=0.9)
    torch.testing.assert_close(torch.softmax(found, -1), torch.softmax(expected, -1))


@given(
    st.integers(0, 1000), st.sampled_from([0.5, 3.0, 30.0]), st.integers(0, 40),
    st.sampled_from([0.0, 1e-4, 0.05, 0.9]), st.sampled_from([1.0, 0.5]),
    st.sampled_from([1.0, 0.8]), st.sampled_from([0.0, 1.0]),
)  # fmt: skip
def test_a_shortlist_leaves_what_the_whole_vocabulary_does(
    seed, spread, top_k, min_p, typical_p, top_p, xtc_probability
):
    """Also where many are as likely as the last one that is kept."""
    scores = torch.cat([logits(seed, 900) * spread, logits(seed + 1, 900) * spread])
    scores = scores.round() if seed % 2 else scores
    changes = {
        "temperature": 0.8, "top_k": top_k, "min_p": min_p, "typical_p": typical_p, "top_p": top_p,
        "xtc_probability": xtc_probability,
    }  # fmt: skip
    chance = torch.tensor([0.3, 0.7])
    found = shaped(scores, chance=chance, **changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shaping, "SHORTLIST", 10_000)
        expected = shaped(scores, chance=chance, **changes)
    assert torch.equal(found.isinf(), expected.isinf())
    torch.testing.assert_close(torch.softmax(found, -1), torch.softmax(expected, -1))


def test_what_cuts_little_goes_by_the_whole_vocabulary():
    flat = torch.zeros((1, 900))
    assert int(shaped(flat, min_p=0.5).isfinite().sum()) == 900
    assert int(shaped(flat, top_k=5).isfinite().sum()) == 900, "all are as likely as the fifth"


# ---------------------------------------------------------------------- XTC
def xtc(probabilities, probability, threshold, chance):
    scores = torch.tensor([probabilities]).log()
    left = Xtc(probability, threshold)(scores, torch.tensor([chance]))
    return torch.softmax(left, -1)[0].tolist()


def test_of_the_obvious_only_the_least_likely_stays():
    assert xtc([0.5, 0.3, 0.15, 0.05], 0.5, 0.1, 0.4) == pytest.approx([0, 0, 0.75, 0.25])
    assert xtc([0.05, 0.15, 0.5, 0.3], 1.0, 0.2, 0.9) == pytest.approx([0.1, 0.3, 0, 0.6])


@pytest.mark.parametrize(
    ("threshold", "chance"),
    [(0.1, 0.5), (0.1, 0.7), (0.4, 0.0)],
    ids=["not below the probability", "above it", "only one is obvious"],
)
def test_it_leaves_all_alone_by_chance_or_where_one_is_obvious(threshold, chance):
    assert xtc([0.5, 0.3, 0.15, 0.05], 0.5, threshold, chance) == pytest.approx(
        [0.5, 0.3, 0.15, 0.05]
    )


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8), st.floats(0.01, 0.5))
def test_something_obvious_is_always_left(weights, threshold):
    whole = [one / sum(weights) for one in weights]
    left = xtc(whole, 1.0, threshold, 0.0)
    assert sum(left) == pytest.approx(1)
    surely, perhaps = (
        [at for at, one in enumerate(whole) if one >= threshold + within]
        for within in (1e-6, -1e-6)
    )
    assert not surely or any(left[at] > 0 for at in perhaps)


def test_it_is_at_work_as_often_as_it_should_in_both_samplers():
    one = torch.tensor([0.6, 0.4]).log()
    sampling = Sampling(temperature=1.0, top_p=1.0, xtc_probability=0.3, seed=5)
    alone = Sampler(sampling, codec())
    firsts = [alone.draw(one, [], [])[0] == 0 for _ in range(3000)]
    assert sum(firsts) / 3000 == pytest.approx(0.7 * 0.6, abs=0.03)
    rows = BatchSampler(sampling, codec())
    dice = torch.Generator().manual_seed(1)
    chance, uniform = (torch.rand(3000, generator=dice, dtype=torch.float64) for _ in range(2))
    drawn = rows.pick(rows.shape(one.expand(3000, 2), NOTHING.expand(3000, 0), chance), uniform)
    assert sum(one.token == 0 for one in drawn) / 3000 == pytest.approx(0.7 * 0.6, abs=0.03)


# ---------------------------------------------------------------------- bias
def test_a_word_gains_what_its_bias_says_within_a_text_and_at_its_beginning():
    word = next(w for w in ("the", "and", "he", "it") if len(codec().encode(w)) == 1)
    ids = [codec().encode(one) for one in (word, f" {word}")]
    assert [len(one) for one in ids] == [1, 1], "else the test says nothing"
    one = logits(size=7000)
    found = shaped(one, bias={word: -4.0}) - one
    assert found[0, [ids[0][0], ids[1][0]]].tolist() == [-4.0, -4.0]
    assert int((found != 0).sum()) == 2


def test_a_word_of_several_tokens_gains_where_it_would_be_complete():
    word = " xylophonist"
    *before, last = codec().encode(word)
    assert before
    one = logits(size=7000)
    written = torch.tensor([[5, *before]])
    theirs = SequenceBiasLogitsProcessor({(*before, last): 6.0})
    expected = theirs(written, one)
    found = shaped(one, written, bias={word.strip(): 6.0})
    assert float(found[0, last]) == pytest.approx(float(expected[0, last]))
    assert float(shaped(one, NOTHING, bias={word.strip(): 6.0})[0, last]) == float(one[0, last])


def test_greedy_listens_to_bias_and_to_nothing_by_chance():
    one = logits(size=7000)
    best = int(one.argmax())
    word = codec().decode([best])
    sampling = Sampling(temperature=0, bias={word: -1000.0}, xtc_probability=1.0)
    token, _, sampled = Sampler(sampling, codec()).draw(one[0], [], [])
    assert token != best
    assert sampled == 0.0
