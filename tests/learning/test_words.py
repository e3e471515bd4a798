"""Words prove themselves before they are features: the true one is found, noise is not."""

import dataclasses

import numpy as np
import pytest
import torch

from talecraft.learning import taste, words
from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.vocabulary import Vocabulary
from talecraft.story.traits import TRAITS

V, STATES = 200, 40
DOG = 7
NAMES = Vocabulary(tuple(f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(V)))


def log(seed=0, n=120, liking=2.0, trait=0.0, stories=12, rate=0.15):
    """A writer who likes one of 200 words by so much, and one trait; the words come as they come,
    in each of the `stories` of which the word is dear."""
    random = np.random.default_rng(seed)
    counts = np.log1p(random.poisson(rate, (n, V)))
    x = np.concatenate(
        [random.normal(size=(n, STATES)), counts, random.normal(size=(n, len(TRAITS)))], 1
    )
    u = liking * (counts[:, DOG] > 0) + trait * x[:, -1] + 0.5 * random.normal(size=n)
    stars = np.digitize(u, np.quantile(u, [0.2, 0.4, 0.6, 0.8])) + 1
    return scored(x, stars, np.arange(n) % stories)


def scored(x, stars, groups, pairs=None):
    n = len(x)
    return Scored(
        torch.tensor(np.asarray(x), dtype=torch.float64),
        torch.tensor(np.asarray(stars, dtype=float)),
        torch.ones(n, dtype=torch.float64),
        np.asarray(groups),
        np.arange(n),
        Pairs.none() if pairs is None else pairs,
        NAMES,
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_word_that_is_liked_is_found_and_no_other(seed):
    assert words.telling(log(seed)) == (DOG,)


def uniform(random, groups):
    return random.integers(1, 6, len(groups))


def few_dislikes(random, groups):
    return np.where(random.random(len(groups)) < 0.1, 1, 5)


def moods(random, groups):
    """Each story has a worth of its own."""
    u = random.normal(0, 1.5, groups.max() + 1)[groups] + random.normal(size=len(groups))
    return np.digitize(u, np.quantile(u, [0.2, 0.4, 0.6, 0.8])) + 1


@pytest.mark.parametrize("graded", [uniform, few_dislikes, moods])
def test_of_feedback_without_any_liking_no_word_is_chosen(graded):
    """However the grades are distributed. Forty logs each, of which one in a hundred may have one:
    more than three come by chance once in a thousand times. Words come in stories, too."""
    random = np.random.default_rng(0)
    groups = np.arange(120) % 12
    found = 0
    for seed in range(40):
        one = log(seed, liking=0.0)
        topics = random.random((12, V)) < 0.15  # a word is at home in some of the stories
        x = one.features.numpy().copy()
        x[:, STATES : STATES + V] *= np.where(topics[groups], 4, 0.5)
        found += bool(words.telling(scored(x, graded(random, groups), groups)))
    assert found <= 3


def test_what_was_thrown_away_beside_much_chooses_no_word():
    """Fifteen passages discarded by lot beside six kept: ninety pairs, but fifteen opinions."""
    groups = np.repeat(np.arange(15), 7)
    better = np.array([row for row in range(105) if row % 7])
    pairs = Pairs(better, better // 7 * 7, np.full(90, 1 / 6), np.zeros(90, dtype=bool))
    for seed in range(40):
        one = scored(log(seed, n=105).features, np.zeros(105), groups, pairs)
        assert words.telling(one) == ()


def test_what_a_trait_tells_no_word_need_tell():
    """The word comes with the trait, and it is the trait that is liked."""
    found = log(0, liking=0.0, trait=3.0)
    x = found.features.numpy().copy()
    x[:, STATES + DOG] = np.log1p(np.maximum(0, np.round(x[:, -1])))
    assert words.telling(scored(x, found.stars, found.groups)) == ()
    x[:, -1] = 0.0  # without the trait the word would be chosen
    assert words.telling(scored(x, found.stars, found.groups)) == (DOG,)


def test_what_is_dear_in_two_stories_alone_is_not_chosen():
    found = log(0)
    groups = np.where(found.counts[:, DOG].numpy() > 0, np.arange(120) % 2, np.arange(120) % 12)
    assert DOG not in words.telling(scored(found.features, found.stars, groups))


def test_choices_alone_tell_of_a_word():
    """Between passages of which one has the word; a slip in ten, and ties say nothing."""
    random = np.random.default_rng(0)
    found = log(0, n=240, rate=0.4)
    has = (found.counts[:, DOG] > 0).numpy()
    with_it = np.flatnonzero(has)
    without = np.flatnonzero(~has)[: len(with_it)]
    slip = random.random(len(with_it)) < 0.1
    pairs = Pairs(
        np.where(slip, without, with_it),
        np.where(slip, with_it, without),
        np.ones(len(slip)),
        np.zeros(len(slip), dtype=bool),
    )
    groups = np.zeros(240, dtype=int)
    groups[np.concatenate([with_it, without])] = np.tile(np.arange(len(slip)), 2)
    asked = scored(found.features, np.zeros(240), groups, pairs)
    assert words.telling(asked) == (DOG,)
    ties = dataclasses.replace(pairs, ties=np.ones(len(slip), dtype=bool))
    assert words.telling(dataclasses.replace(asked, pairs=ties)) == ()


def test_certainty_by_hand():
    """Twenty passages with the word and twenty without, twenty of the forty liked. That k or more
    of the liked have it, or so few, comes by chance as the hypergeometric law says."""
    from math import comb

    def chance(k):
        return 2 * sum(comb(20, i) * comb(20, 20 - i) for i in range(k, 21)) / comb(40, 20)

    def chosen(k):
        counts = np.array([1.0] * 20 + [0.0] * 20)
        stars = [5.0] * k + [1.0] * 20 + [5.0] * (20 - k)
        x = np.concatenate([counts[:, None], np.zeros((40, len(TRAITS)))], 1)
        one = scored(x, stars, np.arange(40))
        return words.telling(dataclasses.replace(one, vocabulary=Vocabulary(("dog",))))

    assert chance(14) > 2 * words.DOUBT
    assert chance(15) < words.DOUBT / 2
    assert (chosen(14), chosen(15)) == ((), (0,))


def test_what_is_said_of_a_story_as_a_whole_is_one_opinion():
    """Twelve stories of ten, each with one grade, and with a word of its own or not: by passages
    it would be sure, by stories it is not."""
    groups = np.arange(120) % 12
    liked = np.isin(groups, [0, 1, 2, 3, 4, 5])
    named = np.isin(groups, [0, 1, 2, 3, 4, 6])
    x = log(0).features.numpy().copy()
    x[:, STATES + DOG] = named
    assert words.telling(scored(x, np.where(liked, 5, 1), groups)) == ()


def test_no_feedback_and_no_words_choose_nothing():
    nothing = log(0).rows(np.arange(0))
    assert words.telling(nothing) == ()
    assert words.telling(log(0).rows(np.arange(5))) == ()
    plain = dataclasses.replace(log(0), vocabulary=Vocabulary())
    assert words.telling(plain) == ()


# ---------------------------------------------------------------------- in the head
def test_the_head_hears_chosen_words_and_no_others():
    found = log(0)
    heard = taste.fit(found, 300.0, (DOG,))
    weights = heard.scale.balance
    assert torch.isinf(weights[STATES : STATES + V]).sum() == V - 1
    x = found.features.clone()
    x[:, STATES + DOG + 1] += 5  # another word
    assert torch.equal(heard(x), heard(found.features))
    deaf = taste.fit(found, 300.0)
    with_word, without = found.features[:1].clone(), found.features[:1].clone()
    with_word[0, STATES + DOG], without[0, STATES + DOG] = np.log1p(1), 0.0
    assert heard(with_word) > heard(without) + 1
    assert deaf(with_word) == deaf(without)


def test_unseen_passages_are_foretold_by_words_chosen_without_them():
    found = log(1, liking=3.0)
    deaf = dataclasses.replace(
        found,
        vocabulary=Vocabulary(),
        features=torch.cat([found.features[:, :STATES], found.features[:, -len(TRAITS) :]], 1),
    )
    knows, does_not = taste.cross_validate(found, 0), taste.cross_validate(deaf, 0)
    assert does_not.concordance < 0.6
    assert knows.concordance > does_not.concordance + 0.08


def test_a_liked_word_is_named():
    found = log(1, liking=3.0)
    trust = taste.cross_validate(found, 0)
    name = NAMES.words[DOG]
    assert taste.likes(found, trust.predicted, (DOG,))[0] == f"the word “{name}”"
    assert taste.likes(found, -trust.predicted, (DOG,))[0] == f"passages without the word “{name}”"
