"""The classifier of feedback: what it learns, how sure it says it is, what it refuses."""

import json

import numpy as np
import pytest
import torch

from talecraft.errors import EngineError, UsageError
from talecraft.learning import classifier
from talecraft.learning.classifier import Classifier
from talecraft.learning.rollouts import Rollout
from talecraft.learning.vocabulary import NO_WORDS
from talecraft.process.classifier import Labelled
from talecraft.story.traits import traits
from tests.support.models import codec

RANDOM = np.random.default_rng(5)


def texts(count, noise=0.1):
    """Good ones have speech, but for a slip of the hand."""
    found = []
    for n in range(count):
        good = bool(n % 2)
        spoken = good != (RANDOM.random() < noise)
        words = " ".join(RANDOM.choice(["fox", "ran", "home", "late", "the", "an"], 12))
        text = f"“{words},” it said." if spoken else f"{words}. It ran."
        found.append(Labelled(text, good, f"g{n // 8}"))
    return found


def read(asked, vocabulary):
    """Features without a model: the words and the traits."""
    return torch.tensor([[*vocabulary(t), *traits(t)] for t in asked], dtype=torch.float64)


@pytest.fixture(scope="module")
def made():
    return classifier.fit(texts(240), read, 1, "m@1", "")


def test_it_tells_good_from_bad_and_its_chances_are_true(made):
    told = made.fitted
    assert (told.good, told.bad) == (120, 120)
    assert 40 <= told.held <= 56
    assert told.accuracy > 0.8
    assert told.low < told.accuracy < told.high
    assert told.calibration < 0.12
    assert sum(one.count for one in told.bins) == told.held
    assert "dialogue" in told.words
    asked = ["“The fox,” it said.", "The fox ran home. It ran."]
    logits = made.logits(read(asked, made.vocabulary))
    assert logits[0] > 1 > -1 > logits[1]


def test_of_labels_that_mean_nothing_it_is_not_sure():
    mixed = [Labelled(one.text, bool(RANDOM.random() < 0.5), one.group) for one in texts(160, 0.5)]
    made = classifier.fit(mixed, read, 1, "m@1", "")
    assert made.fitted.low < 0.6
    chances = torch.sigmoid(made.logits(read([one.text for one in mixed], made.vocabulary)))
    assert float((chances - 0.5).abs().max()) < 0.35


def test_platt_makes_log_odds_of_any_scale():
    good = RANDOM.random(4000) < 0.3
    logits = np.where(good, RANDOM.normal(1, 1, 4000), RANDOM.normal(-1, 1, 4000))
    true = 2 * logits + np.log(0.3 / 0.7)  # two normal distributions apart by 2
    slope, shift = classifier._platt(50 * logits + 7, good)
    np.testing.assert_allclose(slope * (50 * logits + 7) + shift, true, atol=0.3)


def test_it_never_prefers_what_it_takes_for_worse():
    good = np.array([True, False] * 20)
    slope, _ = classifier._platt(np.where(good, -1.0, 1.0), good)
    assert slope == 0


def test_bins_by_hand():
    found = classifier._bins(np.array([0.05, 0.08, 0.95, 1.0]), np.array([False, True, True, True]))
    assert [(one.said, one.were, one.count) for one in found] == [
        (pytest.approx(0.065), 0.5, 2), (pytest.approx(0.975), 1.0, 2),
    ]  # fmt: skip


def test_groups_are_not_parted(made):
    data = classifier._scored(texts(100), torch.zeros(100, 12), made.vocabulary)
    held = classifier._held(data, 3)
    assert not set(data.groups[held]) & set(data.groups[~held])
    assert 0.1 < held.mean() < 0.3


def test_it_comes_back_from_its_file_as_it_was(made, tmp_path):
    path = tmp_path / "c.safetensors"
    made.save(path)
    assert path.stat().st_mode & 0o077 == 0
    again = Classifier.load(path)
    found = read(["“The fox,” it said.", "It ran."], made.vocabulary)
    torch.testing.assert_close(again.logits(found), made.logits(found), rtol=1e-12, atol=0)
    assert again.fitted == made.fitted
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EngineError, match=r"c.safetensors is no classifier"):
        Classifier.load(path)
    path.write_text(json.dumps({}))
    with pytest.raises(EngineError, match="is no classifier"):
        Classifier.load(path)


def test_too_few_of_a_kind_are_refused():
    with pytest.raises(UsageError, match="9 passages were found bad; at least 10"):
        classifier.fit([*texts(18), *texts(2)[1:]], read, 1, "m@1", "")


def test_a_text_is_read_the_same_wherever_it_comes_from():
    one, empty = classifier.texts_alone(codec(), ["  The fox ran.\n", ""])
    assert one.prompt == codec().encode("<story>\n")
    assert one.prose == "The fox ran."
    assert len(empty.response) > 0
    long = classifier.texts_alone(codec(), ["fox " * 2000])[0]
    assert len(long.response) == classifier.LONGEST


def test_the_reward_is_the_log_odds_of_the_prose(made):
    from talecraft.learning.rewards import classifier as part
    from talecraft.learning.rewards.part import Ground
    from talecraft.story.idf import Idf

    ground = Ground((), (), Idf(1, {}), None)
    with pytest.raises(EngineError, match="There is no classifier"):
        part.build(ground)
    ground = Ground(
        (), (), Idf(1, {}), None, classify=lambda t: made.logits(read(t, made.vocabulary))
    )
    good, bad = (Rollout([1], prose=text) for text in ("“The fox,” it said.", "It ran."))
    found = part.build(ground).of([good, bad])
    assert found[0] > found[1]


def test_kinds_that_do_not_mix_are_told():
    """Every group is of one kind: what is held back would be, too."""
    parted = [Labelled(one.text, one.good, "good" if one.good else "bad") for one in texts(60)]
    made = classifier.fit(parted, read, 1, "m@1", "")
    assert made.fitted.held > 0, "of fewer than five groups each passage stands for itself"
    parted = [one if one.good else Labelled(one.text, False, "bad") for one in texts(60)]
    data = classifier._scored(parted, torch.zeros(60, 12), NO_WORDS)
    bad = data.stars.numpy() == classifier.BAD
    seed = next(seed for seed in range(50) if classifier._held(data, seed)[bad].all())
    with pytest.raises(UsageError, match="do not mix"):
        classifier.fit(parted, read, seed, "m@1", "")


def test_of_very_many_some_are_drawn(monkeypatch):
    monkeypatch.setattr(classifier, "MOST", 60)
    made = classifier.fit(texts(200), read, 1, "m@1", "", own=True)
    assert made.fitted.good + made.fitted.bad == 60
    assert made.fitted.own
