"""The taste head: its likelihood by hand, its cross-validation without leaks, its trust."""

import numpy as np
import pytest
import torch

from talecraft.learning import taste
from talecraft.learning.labels import Pairs, Scored
from talecraft.story.traits import TRAITS, distinct2, traits


def data(features, stars, groups=None, prompts=None, pairs=None):
    n = len(stars)
    return Scored(
        torch.as_tensor(features, dtype=torch.float64),
        torch.tensor([float(s) for s in stars], dtype=torch.float64),
        torch.ones(n, dtype=torch.float64),
        np.array(groups if groups is not None else range(n)),
        np.array(prompts if prompts is not None else range(n)),
        Pairs.none() if pairs is None else pairs,
    )


def simulated(n=120, stories=12, signal=1.0, seed=0, width=40):
    """Stars from one of the hand features, plus noise; the rest of the features are noise."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, width + len(TRAITS)))
    u = signal * x[:, width + 2] + 0.5 * random.normal(size=n)
    stars = np.digitize(u, np.quantile(u, [0.2, 0.4, 0.6, 0.8])) + 1
    return data(x, stars, groups=np.arange(n) % stories)


def test_the_fit_is_a_minimum_of_the_penalised_likelihood():
    """The gradient of the whole objective, written out again here, vanishes at the solution; also
    where another ridge's was sought first."""
    scored = simulated(40)
    for ridge, head in zip((300.0, 100.0), taste.fits(scored, (300.0, 100.0)), strict=True):
        z = head.scale(scored.features)
        w = head.weight.clone().requires_grad_()
        # The best thresholds for this w, found anew.
        cuts = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.LBFGS(
            [cuts], max_iter=500, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
        )

        def objective(z=z, w=w, cuts=cuts, ridge=ridge):
            edges = torch.cat([cuts[:1], cuts[:1] + torch.cumsum(cuts[1:].exp(), 0)])
            below = torch.sigmoid(edges - (z @ w)[:, None])  # of each grade but the highest
            none, all_ = torch.zeros_like(below[:, :1]), torch.ones_like(below[:, :1])
            chances = torch.diff(torch.cat([none, below, all_], 1))
            given = chances.gather(1, scored.stars.long()[:, None] - 1)
            return ridge * (w @ w) - given.log().sum()

        def closure(optimiser=optimiser, objective=objective):
            optimiser.zero_grad()
            loss = objective()
            loss.backward()
            return loss

        optimiser.step(closure)
        w.grad = None
        objective().backward()
        assert float(w.grad.abs().max()) < 1e-3 * float((2 * ridge * w.detach()).abs().max())


def test_features_are_scaled_by_hand():
    """z-scores within three deviations; the hand features weigh as much as the states together."""
    width = 3 * len(TRAITS)
    x = torch.zeros((101, width + len(TRAITS)), dtype=torch.float64)
    x[:, 0] = torch.tensor([-1.0, 1.0] * 50 + [0.0], dtype=torch.float64)
    x[0, -1] = 5.0  # one passage full of something rare
    scale = taste.Scale.of(data(x, [1] * 101))
    z = scale(x)
    assert float(z[0, 0]) == pytest.approx(-((101 / 100) ** 0.5))
    assert float(z[0, -1]) == pytest.approx(taste.WINSOR * 3**0.5), "not the ten it would be"
    assert not z[:, 1:-1].any(), "a constant says nothing"
    assert float(scale(x + 100)[0, 0]) == taste.WINSOR


def test_pairs_are_of_one_prompt_and_weigh_one_together():
    scored = data(torch.zeros(5, 3), [5, 3, 3, 1, 2], prompts=[0, 0, 0, 1, 1])
    better, worse, weights = taste._preferences(scored)
    assert list(zip(better.tolist(), worse.tolist(), strict=True)) == [(0, 1), (0, 2), (4, 3)]
    assert weights.tolist() == [0.5, 0.5, 1.0]


def test_pairs_alone_teach_a_direction():
    """Equal grades cannot, but a choice within a prompt can."""
    x = torch.zeros(8, 2 + len(TRAITS), dtype=torch.float64)
    x[:, 0] = torch.tensor([1, -1] * 4)
    scored = data(x, [5, 4] * 4, prompts=[0, 0, 1, 1, 2, 2, 3, 3])
    head = taste.fit(scored, 1.0)
    u = head(scored.features)
    assert (u[::2] > u[1::2]).all()


def test_a_clear_taste_is_trusted_and_noise_is_not():
    clear = taste.cross_validate(simulated(signal=1.0), seed=0)
    assert clear.passed
    assert clear.concordance > 0.75
    passed = sum(
        taste.cross_validate(simulated(signal=0.0, seed=s), seed=s).passed for s in range(4)
    )
    assert passed <= 1


def test_a_story_is_never_on_both_sides():
    """Features that only tell stories apart, scores that differ by story: leaking would look
    like knowledge."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(12), 10)
    mood = random.integers(1, 6, 12)
    x = np.concatenate([np.eye(12)[groups], random.normal(size=(120, len(TRAITS)))], 1)
    trust = taste.cross_validate(data(x, mood[groups], groups=groups), seed=0)
    assert trust.concordance < 0.6


def test_the_ensemble_is_wary_where_its_heads_disagree():
    ensemble = taste.Ensemble(simulated(60), 100.0, 5, 0.5, seed=0)
    x = simulated(60, seed=9).features
    opinions = torch.stack([head(x) for head in ensemble.heads])
    expected = opinions.mean(0) - 0.5 * opinions.std(0, correction=0)
    torch.testing.assert_close(ensemble(x), expected)
    assert float(opinions.std(0).max()) > 0


def test_fitting_is_deterministic_and_survives_degenerate_data():
    scored = simulated(30)
    assert torch.equal(taste.fit(scored, 30.0).weight, taste.fit(scored, 30.0).weight)
    constant = data(torch.ones(20, 5 + len(TRAITS)), [1, 5] * 10)
    assert torch.isfinite(taste.fit(constant, 30.0)(constant.features)).all()
    same = data(torch.randn(20, 5 + len(TRAITS)), [3] * 20)
    assert not taste.cross_validate(same, 0).passed


def test_what_is_liked_is_named():
    scored = simulated(200, signal=2.0)
    trust = taste.cross_validate(scored, 0)
    assert taste.likes(scored, trust.predicted, ())[0] == "dialogue"


def test_traits_by_hand():
    named = dict(zip(TRAITS, traits('"Go on!" said Tom. The old fox, tired, slept.'), strict=True))
    assert named["dialogue"] == pytest.approx(8 / 45)
    assert named["longer sentences"] == pytest.approx((2 + 2 + 5) / 3)
    assert named["exclamations"] == pytest.approx(1 / 9)
    assert named["commas"] == pytest.approx(2 / 9)
    assert np.isfinite(traits("")).all(), "empty text has features too"
    assert distinct2(["a", "b", "a", "b", "a"]) == pytest.approx(2 / 4)


def test_choices_alone_teach_a_direction():
    """Without one grade; a tie pulls its two together."""
    x = torch.zeros(8, 2 + len(TRAITS), dtype=torch.float64)
    x[:, 0] = torch.tensor([1, -1] * 4)
    x[:, 1] = torch.tensor([0, 0, 0, 0, 0, 0, 1, -1])
    rows = np.arange(0, 8, 2)
    said = Pairs(rows, rows + 1, np.ones(4), np.array([False, False, False, True]))
    scored = data(x, [0] * 8, prompts=[0, 0, 1, 1, 2, 2, 3, 3], pairs=said)
    u = taste.fit(scored, 1.0)(scored.features)
    assert (u[:6:2] > u[1:6:2]).all()
    assert abs(float(u[6] - u[7])) < 0.5 * float(u[0] - u[1])


def test_a_tie_by_hand():
    """One tie between +d and -d: half a logistic loss each way, least at u = 0."""
    said = Pairs(np.array([0]), np.array([1]), np.array([1.0]), np.array([True]))
    scored = data(torch.zeros(2, 1 + len(TRAITS)), [0, 0], pairs=said)
    better, worse, weights = taste._preferences(scored)
    assert (better.tolist(), worse.tolist()) == ([0, 1], [1, 0])
    assert weights.tolist() == [0.5, 0.5]


def test_passages_without_a_grade_are_no_bad_ones():
    """Ungraded rows leave the fit of the graded ones as it is."""
    scored = simulated(40)
    more = Scored(
        torch.cat([scored.features, scored.features]),
        torch.cat([scored.stars, torch.zeros(40, dtype=torch.float64)]),
        torch.cat([scored.weights, torch.zeros(40, dtype=torch.float64)]),
        np.concatenate([scored.groups, scored.groups]),
        np.concatenate([scored.prompts, scored.prompts + 100]),
        Pairs.none(),
    )
    torch.testing.assert_close(
        taste.fit(more, 100.0).weight, taste.fit(scored, 100.0).weight, rtol=1e-4, atol=1e-6
    )


def test_a_round_of_choices_is_trusted_where_they_agree_and_not_where_they_do_not():
    random = np.random.default_rng(0)
    x = random.normal(size=(48, 20 + len(TRAITS)))
    x[:, :20] = x[:, [22]] + 0.5 * x[:, :20]  # the states know of it too
    liked = x[0::2, 22] > x[1::2, 22]

    def asked(first):
        rows = np.arange(0, 48, 2)
        said = Pairs(rows + ~first, rows + first, np.ones(24), np.zeros(24, dtype=bool))
        groups = np.repeat(np.arange(24), 2)
        return data(x, [0] * 48, groups, groups, said)

    assert taste.cross_validate(asked(liked), 0).passed
    assert not taste.cross_validate(asked(random.random(24) < 0.5), 0).passed


def test_only_passages_of_one_prompt_are_compared_by_likelihood():
    """Two grades of prompt 0, one of them foretold rightly; prompt 1 is likelier as a whole; a
    choice in prompt 2, a tie in prompt 3."""
    said = Pairs(np.array([4, 6]), np.array([5, 7]), np.ones(2), np.array([False, True]))
    scored = data(
        torch.zeros(8, 1), [1, 3, 5, 5, 0, 0, 0, 0], prompts=[0, 0, 1, 1, 2, 2, 3, 3], pairs=said
    )
    pairs = taste.comparable(scored)
    assert list(zip(pairs.better, pairs.worse, strict=True)) == [(4, 5), (1, 0)]
    implied = np.array([-9.0, -8, -20, -30, 1, 2, 0, 5])
    value, low, high = taste.agreement(implied, scored, 0)
    assert value == 0.5, "prompt 0 rightly, the choice wrongly"
    assert (low, high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("share", "pairs", "low", "high"),
    [(16 / 17, 17, 0.7744, 0.9868), (1.0, 20, 0.8808, 1.0), (0.5, 10, 0.2692, 0.7308)],
)
def test_few_pairs_are_no_surer_than_chance_allows(share, pairs, low, high):
    """However little a bootstrap over groups varies. By hand: Wilson's interval at z = 1.6449."""
    found = taste.interval([share] * 100, share, pairs)
    assert found == pytest.approx((low, high), abs=5e-4)


def test_many_pairs_of_few_groups_are_as_sure_as_the_groups():
    drawn = np.linspace(0.6, 0.8, 1001)
    assert taste.interval(drawn, 0.7, 4000) == pytest.approx((0.61, 0.79), abs=1e-3)
    assert taste.interval([0.5], 0.5, 0) == (0.0, 1.0)
