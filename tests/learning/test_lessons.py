"""The gate's stories: apart from the reward's, and of every kind that the log has."""

import numpy as np
import pytest
import torch

from talecraft.learning import lessons
from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.taste import Trust
from talecraft.process.evidence import Episode
from talecraft.process.run_events import PpoSettings
from talecraft.story.traits import TRAITS


def scored(stars, groups, pairs=None):
    n = len(stars)
    return Scored(
        torch.zeros(n, 2 + len(TRAITS), dtype=torch.float64),
        torch.tensor([float(s) for s in stars], dtype=torch.float64),
        torch.ones(n, dtype=torch.float64),
        np.array(groups),
        np.arange(n),
        Pairs.none() if pairs is None else pairs,
    )


@pytest.mark.parametrize("seed", range(5))
def test_half_of_the_stories_judge_and_no_story_is_on_both_sides(seed):
    groups = np.repeat(np.arange(12), 10)
    held = lessons._held(scored(np.tile([1, 5], 60), groups), seed)
    assert len(set(groups[held])) == 6
    assert not set(groups[held]) & set(groups[~held])


@pytest.mark.parametrize("seed", range(8))
def test_what_is_loved_in_few_stories_is_known_to_both_sides(seed):
    """Three stories of twelve are loved. By lot all of them would often be on one side."""
    groups = np.repeat(np.arange(12), 10)
    held = lessons._held(scored(np.where(groups < 3, 5, 2), groups), seed)
    assert len(set(groups[held]) & {0, 1, 2}) in (1, 2)


@pytest.mark.parametrize("seed", range(8))
def test_decided_choices_are_shared_out_too(seed):
    """Twenty-four choices, eight of them decided, each a story of its own: half go to each."""
    rows = np.arange(0, 48, 2)
    said = Pairs(rows, rows + 1, np.ones(24), rows >= 16)
    groups = np.repeat(np.arange(24), 2)
    held = lessons._held(scored([0] * 48, groups, said), seed)
    assert len(set(groups[held])) == 12
    assert len(set(groups[held]) & set(range(8))) == 4


@pytest.mark.parametrize("stories", [5, 7, 10, 13])
def test_no_story_is_always_the_gates(stories):
    """Also where the last few are too few to share; and there is always one for each side."""
    groups = np.repeat(np.arange(stories), 10)
    same = scored(np.where(groups == 0, 5, 2), groups)
    held = [lessons._held(same, seed) for seed in range(60)]
    assert all(one.any() and not one.all() for one in held)
    assert 0.1 < np.mean([one[0] for one in held]) < 0.6, "the one that is loved"


def test_the_split_depends_on_the_seed():
    groups = np.repeat(np.arange(12), 10)
    same = scored(np.tile([1, 5], 60), groups)
    found = {tuple(np.flatnonzero(lessons._held(same, seed))) for seed in range(6)}
    assert len(found) > 1
    assert np.array_equal(lessons._held(same, 3), lessons._held(same, 3))


@pytest.mark.parametrize(
    ("concordance", "low", "words", "passes"),
    [
        (0.7, 0.55, (), True),
        (0.7, 0.45, (), False),
        (0.7, 0.45, (3,), True),
        (0.55, 0.52, (3,), False),
    ],
)
def test_a_word_that_proved_itself_is_as_sure_as_an_interval(concordance, low, words, passes):
    """Loved dogs in a tenth of the passages leave the interval wide; the word is no chance."""
    data = scored(np.tile([1, 5], 60), np.repeat(np.arange(12), 10))
    trust = Trust(1000.0, concordance, low, 0.9, 3600, np.zeros(120))
    known = lessons.Lessons([], data, trust, words)
    assert known.passed is passes
    assert (known.refusal() == "") is passes


def test_what_the_reward_sets_free_the_gate_does_not_refuse():
    """By its own stories the reward would see shorter passages asked for; all together do not ask
    for it. Both go by all."""
    groups = np.repeat(np.arange(6), 10)
    seed = 0
    stars = np.tile(np.arange(1, 6), 12)
    held = lessons._held(scored(stars, groups), seed)
    words = np.where(held, 10 * stars, 60 - 10 * stars)
    passages = [
        Episode(i, int(groups[i]), [1], [1], 0, 1, "word " * int(words[i]), int(stars[i]), 1.0)
        for i in range(60)
    ]
    of_the_reward = [one for one, held_back in zip(passages, held, strict=True) if not held_back]
    assert lessons.wanted_length(of_the_reward) == -1
    known = lessons.Lessons(
        passages, scored(stars, groups), Trust(1000.0, 0.8, 0.7, 0.9, 100, stars)
    )
    assert lessons.split(known, PpoSettings(), seed).wants_length == 0
