"""The critic: told what a passage is worth so far, and fitted before the first update."""

import numpy as np
import pytest
import torch

from talecraft.learning import features
from talecraft.learning.critic import Appraiser, fit_value, usual_length
from talecraft.learning.policy import Policy
from talecraft.learning.rewards.total import Valued
from talecraft.learning.rollouts import sample
from talecraft.learning.sequences import CLUES
from talecraft.process.run_events import PpoSettings
from talecraft.story.traits import TRAITS, traits
from talecraft.story.turns import Sampling
from tests.support.models import bundled_base, codec

TEXTS = ("A shy fox learns to share", "Two mice build a boat", "The owl is late", "A cold night")
NAMES = TRAITS.index("names") - len(TRAITS)
ROOM = 40
SETTINGS = PpoSettings(prose_tokens=ROOM, temperature=1.0)
SAMPLING = Sampling(outline_tokens=12, prose_tokens=ROOM, top_p=1.0)


class Names:
    """A reward whose taste is one of the hand features."""

    judges_outlines = False
    has_taste = True

    def taste(self, found):
        return 10 * found[:, NAMES] - 1

    def __call__(self, rollouts, found, outlines=None):
        return Valued(
            self.taste(found).float(), torch.zeros(len(found)), {}, torch.zeros(len(found))
        )


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return Policy(bundled_base(), 4, 8, "all-linear")


@pytest.fixture(scope="module")
def sampled(policy):
    prompts = [codec().encode(f"<prompt>\n{text}\n") for text in TEXTS] * 24
    with policy.reference():
        return sample(policy.model, codec(), prompts, SAMPLING, [(1, i) for i in range(96)], 0)


@pytest.fixture(scope="module")
def seen(policy, sampled):
    return Appraiser(policy, codec(), Names(), usual_length(sampled), SETTINGS)(sampled, 0)


def test_the_last_beginning_is_the_whole(policy, sampled):
    """Features along the prose end with those of the whole, and begin with the first token's."""
    read = features.passages(sampled[:4])
    with policy.reference():
        whole = features.extract(policy.model, read, 0)
        for chosen, states in features.read(policy.model, read, 0):
            for row, i in enumerate(chosen):
                ids = list(read[i].response[read[i].start : read[i].end])
                texts = [codec().decode(ids[: n + 1]) for n in range(len(ids))]
                along = features.pool(states, row, read[i], texts)
                torch.testing.assert_close(along[-1], whole[i], rtol=1e-5, atol=1e-5)
                at = len(read[i].prompt) + read[i].start
                first = torch.cat([depth[row, at] for depth in states]).double()
                torch.testing.assert_close(along[0, : len(first)], first, rtol=1e-5, atol=1e-5)


def test_clues_by_hand(sampled, seen):
    """At each token: of the prose before it. In the plan, and at the prose's first: none. At the
    token that ends the turn: of the whole."""
    usual = usual_length(sampled)
    ended = [i for i, one in enumerate(sampled) if one.stop_reason == "end"]
    cut = [i for i, one in enumerate(sampled) if one.stop_reason == "length"]
    assert ended
    assert cut
    for row in ended[:2] + cut[:2]:
        one, clues = sampled[row], seen.batch.clues[row]
        assert clues.shape[1] == CLUES
        assert not clues[: one.prose_start + 1].any()
        assert not clues[len(one.response_ids) :].any()
        for at in range(one.prose_start + 1, len(one.response_ids)):
            text = codec().decode(one.response_ids[one.prose_start : at]).strip()
            n = at - one.prose_start
            come, late = min(1.5, n / usual), max(0, (n / ROOM - 0.7) / 0.3)
            worth = 10 * traits(text)[NAMES] - 1
            expected = [1.0, come, late, worth, come * worth, come**2 * worth]
            assert clues[at].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-5), at
    assert len(sampled[ended[0]].response_ids) == sampled[ended[0]].prose_end + 1, "one stop token"


def test_the_critic_is_told_when_the_room_runs_out(sampled, seen):
    """The third clue: 0 until seven tenths of the room, and 1 where it is full."""
    row = next(i for i, one in enumerate(sampled) if one.prose_end - one.prose_start == ROOM)
    late = seen.batch.clues[row, sampled[row].prose_start :, 2]
    assert not late[:29].any()
    assert float(late[34]) == pytest.approx((34 - 28) / 12)
    assert float(late[39]) == pytest.approx((39 - 28) / 12)


def test_the_root_is_judged_as_by_a_forward_of_its_own(policy, sampled, seen):
    with torch.no_grad(), policy.reference():
        alone = policy.judge(policy.batch(sampled, 0)).logprobs
    torch.testing.assert_close(seen.logprobs, alone, rtol=1e-4, atol=1e-4)


def test_whole_passages_are_valued_as_they_are_without_the_clues(policy, sampled, seen):
    with policy.reference():
        whole = features.extract(policy.model, features.passages(sampled), 0)
    torch.testing.assert_close(
        seen.valued.total, Names()(sampled, whole).total, rtol=1e-4, atol=1e-4
    )


def unexplained(policy, batch, totals):
    """The share of the reward's variance that a critic fitted to half of the passages leaves in
    the other half, over all tokens."""
    fitted, held = torch.arange(0, len(totals), 2), torch.arange(1, len(totals), 2)
    fit_value(policy, [(batch[fitted], totals[fitted])])
    with torch.no_grad():
        values = policy.judge(batch[held]).values
    chosen = batch[held].mask.bool()
    errors = (values - totals[held, None])[chosen] ** 2
    return float(errors.mean() / totals[held].var(correction=0))


def test_the_clues_tell_the_critic_more_than_the_states_alone(policy, sampled, seen):
    told = unexplained(policy, seen.batch, seen.valued.total)
    alone = unexplained(policy, policy.batch(sampled, 0), seen.valued.total)
    assert told < 0.9 * alone


def test_the_critic_begins_with_the_ridge_solution(policy, seen):
    """Against numpy's least squares with the penalty as extra rows."""
    batch, totals = seen.batch, torch.linspace(-1, 1, len(seen.batch.ids))
    fit_value(policy, [(batch, totals)])
    chosen = batch.mask.bool()
    states = policy.hidden(batch.ids).detach()
    rows = torch.arange(len(totals))[:, None]
    x = torch.cat([states[rows, batch.positions], batch.clues], 2)[chosen].double().numpy()
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    y = totals[:, None].expand(chosen.shape)[chosen].double().numpy()
    penalty = 10.0 * np.eye(x.shape[1])  # the root of the ridge, 100
    expected, *_ = np.linalg.lstsq(
        np.concatenate([x, penalty]), np.concatenate([y, np.zeros(len(penalty))]), rcond=None
    )
    found = torch.cat([policy.value_head.weight[0], policy.value_head.bias]).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


class Counted(Names):
    """A taste that reads by itself: of how many tokens there are so far."""

    def along(self, read):
        return [torch.arange(1.0, 2 + one.end - one.start)[: max(1, one.end - one.start), None]
                for one in read]  # fmt: skip

    def taste(self, found):
        return found[:, 0]


def test_a_taste_that_reads_by_itself_tells_the_critic_of_each_token(policy, sampled):
    taste = Counted()
    found = Appraiser(policy, codec(), taste, 20.0, SETTINGS, tasting=taste)(sampled[:4], 0)
    for row, one in enumerate(sampled[:4]):
        count = one.prose_end - one.prose_start
        assert float(found.valued.total[row]) == count, (
            "the whole is worth what its last token says"
        )
        told = found.batch.clues[row, one.prose_start + 1 : len(one.response_ids), 3][:count]
        assert len(told) >= count - 1
        assert told.tolist() == [float(n + 1) for n in range(len(told))]
