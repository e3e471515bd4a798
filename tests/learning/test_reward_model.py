"""The reward model: what it reads, what it learns, what it leaves alone, what is kept of it."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
import torch

from talecraft.learning import features, reward_model, taste
from talecraft.learning.contest import Contest
from talecraft.learning.episodes import scored
from talecraft.learning.features import Passage, whole
from talecraft.learning.hosted import Pace
from talecraft.learning.labels import Scored
from talecraft.learning.pairing import Company
from talecraft.learning.policy import ADAPTER, ROOT, Policy
from talecraft.learning.reward_model import Judge, RewardModel, together
from talecraft.learning.taste_model import Trial
from talecraft.learning.vocabulary import Vocabulary
from talecraft.process.evidence import Evidence
from talecraft.process.run_client import REWARD_MODEL
from talecraft.process.run_events import RewardModelSettings
from tests.support import ends, small_run
from tests.support.models import tokenizer

SHORT = RewardModelSettings(epochs=4, folds=2, learning_rate=3.0)
PPO = msgspec.structs.replace(small_run.SHORT, micro_batch=8)
ANY = RewardModelSettings(epochs=1)


def policy(root=None):
    torch.manual_seed(0)
    made = Policy(small_run.small_base(), 4, 8, "all-linear")
    if root is None:
        return made
    made.save(root, "small")
    return Policy.for_run(small_run.small_base(), None, root)


def model(of, folder, settings=SHORT):
    return RewardModel(of, tokenizer(), 0, settings, PPO, folder, lambda: None)


def opinions(of, episodes):
    """What was said of them, with the features that the head sees."""
    read = ends.passages(episodes)
    words = Vocabulary.of([one.prose for one in read])
    with of.reference():
        return read, scored(Evidence(episodes), features.extract(of.model, read, 0, words), words)


def numbers(of):
    return {name: one.clone() for name, one in of.state_dict().items()}


class Tried(NamedTuple):
    """`before` are the policy's numbers before there was a reward model."""

    of: Policy
    before: dict
    trial: Trial
    head: taste.Trust
    ended: Contest
    read: list
    said: Scored
    folder: Path


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """A trial by 96 passages of a writer who cares for the ends."""
    of = policy()
    folder = tmp_path_factory.mktemp("trial")
    read, said = opinions(of, ends.episodes(96))
    before = numbers(of)
    trial = Trial(model(of, folder), read, said, 1, folder, lambda words, calls: lambda: None)
    head = taste.cross_validate(said, 1)
    return Tried(of, before, trial, head, trial.contest(head), read, said, folder)


def test_what_no_feature_says_it_hears_and_is_kept(tried):
    head, ended, folder = tried.head, tried.ended, tried.folder
    assert ended.kept, ended
    assert ended.adapter > ended.head + 0.05
    assert ended.head == pytest.approx(head.concordance, abs=0.1)
    assert 0.4 * head.pairs < ended.pairs < 0.6 * head.pairs, "those within either half"
    assert [file.name for file in folder.iterdir()] == [REWARD_MODEL], "no cache is left"
    assert (folder / REWARD_MODEL).stat().st_mode & 0o077 == 0


def test_nothing_else_on_the_base_is_touched(tried):
    of, before = tried.of, tried.before
    after = of.state_dict()
    assert all(torch.equal(one, after[name]) for name, one in before.items())
    assert [name for name in after if name not in before and ".reward." not in name] == []
    assert of.model.active_adapter == ADAPTER
    assert {f"model.{name}" for name in of.lora} == {one for one in before if ".default." in one}
    assert not of.model.training


def test_a_trial_is_not_had_twice_and_what_is_damaged_is_learned_again(tried):
    trial, head, ended, folder = tried.trial, tried.head, tried.ended, tried.folder
    kept = (folder / REWARD_MODEL).read_bytes()

    def again(more):
        def phase(words, calls):
            told.append(words)
            return lambda: None

        told = []
        found = Trial(trial._model, tried.read, tried.said, 1, folder, phase)
        return found, more(found), told

    found, same, told = again(lambda one: one.contest(head))
    assert (same, told) == (ended, [])
    assert found.seconds == pytest.approx(trial.seconds)
    (folder / REWARD_MODEL).write_bytes(kept[:-8] + bytes(8))
    half = np.arange(0, 96, 2)
    _, judge, told = again(lambda one: one.of("judge", half))
    assert len(told) == 1
    assert "to judge" in told[0]
    _, loaded, told = again(lambda one: one.of("judge", half))
    assert told == []
    assert all(torch.equal(one, loaded.weights[name]) for name, one in judge.weights.items())
    (folder / REWARD_MODEL).write_bytes(kept)


def test_the_same_opinions_teach_the_same_whatever_was_learned_before(tried, tmp_path):
    """And what the run draws next does not depend on it."""
    trial, read, said = tried.trial, tried.read, tried.said
    torch.manual_seed(3)
    first = trial._model.fit(read[:24], said.rows(np.arange(24)), 5)
    drawn = torch.rand(3)
    other = trial._model.fit(read[24:48], said.rows(np.arange(24, 48)), 5)
    fresh = policy()
    again = model(fresh, tmp_path).fit(read[:24], said.rows(np.arange(24)), 5)
    assert all(torch.equal(one, again[name]) for name, one in first.items())
    assert not all(torch.equal(one, other[name]) for name, one in first.items())
    torch.manual_seed(3)
    assert torch.equal(torch.rand(3), drawn)


def test_a_null_writer_keeps_the_head(tmp_path):
    of = policy()
    read, said = opinions(of, ends.episodes(64, null=True))
    trial = Trial(model(of, tmp_path), read, said, 1, tmp_path, lambda words, calls: lambda: None)
    ended = trial.contest(taste.cross_validate(said, 1))
    assert not ended.kept
    trial.close()
    assert not any(".reward." in name for name in of.state_dict())
    assert of.model.active_adapter == ADAPTER
    with torch.no_grad():
        of.hidden(torch.tensor([[1, 2, 3]]))


def test_a_batch_by_hand():
    one = Passage([5, 6], [7, 8, 9, 1], 1, 3, "two words")
    other = Passage([5], [7, 8], 1, 2, "a word")
    pair = Company(np.array([1, 0]), np.array([1]), np.array([0]), np.array([0.75]))
    batch = together([one, other], pair, 0)
    assert batch["input_ids"].tolist() == [[5, 7, 8, 0, 0], [5, 6, 7, 8, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert batch["last"].tolist() == [2, 4]
    assert (batch["better"].tolist(), batch["worse"].tolist()) == ([1], [0])
    assert batch["margin"].tolist() == [0.75]


def test_the_trainers_first_loss_is_the_margins(tmp_path, monkeypatch):
    """-log sigmoid(0 - margin): it begins by finding all alike."""
    of = policy()
    read, said = opinions(of, ends.episodes(8))
    one = model(of, tmp_path, ANY)
    losses = []

    def pace(of, alive, told):
        return Pace(of, alive, lambda logs: losses.append(logs["loss"]))

    monkeypatch.setattr(reward_model, "Pace", pace)
    margins = [torch.from_numpy(c.margins) for c in one._laid_out(said, 1)]
    one.fit(read, said, 1)
    expected = np.mean([-torch.nn.functional.logsigmoid(-m).mean().item() for m in margins[:2]])
    assert losses[0] == pytest.approx(expected, rel=1e-5)


def test_every_token_of_the_prose_is_valued_and_the_last_is_the_whole(tried):
    """Cut after n tokens, a passage is worth what it was worth along the way."""
    trial, read, said = tried.trial, tried.read, tried.said
    judge = Judge(trial._model, trial._model.fit(read[:24], said.rows(np.arange(24)), 5))
    one = read[3]
    (along,) = judge.along([one])
    assert along.shape == (one.end - one.start, 1)
    assert float(along.std()) > 0
    for count in (1, 5, 12):
        cut = Passage(one.prompt, one.response, one.start, one.start + count, "")
        torch.testing.assert_close(
            judge.along([cut])[0][-1], along[count - 1], rtol=1e-4, atol=1e-5
        )
    empty = Passage(one.prompt, one.response, one.start, one.start, "")
    assert judge.along([empty])[0].shape == (1, 1)
    found = judge.taste(whole(judge, read[:5]))
    torch.testing.assert_close(found[3], along[-1, 0], rtol=1e-4, atol=1e-5)


def test_on_a_root_it_speaks_with_the_root_and_leaves_it_frozen(tmp_path):
    """It begins as the root's own states, and neither root nor policy learns."""
    (tmp_path / "root").mkdir()
    of = policy(tmp_path / "root")
    with torch.no_grad():  # a root that says something
        for layer in of._layers:
            for part in (layer.lora_A, layer.lora_B):
                part[ROOT].weight.normal_(0, 0.1)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad(), of.reference():
        expected = of.hidden(ids)
    read, said = opinions(of, ends.episodes(16))
    before = numbers(of)
    one = model(of, tmp_path, RewardModelSettings(epochs=3))
    one._begin(1)
    with torch.no_grad(), of.speaking("reward"):
        torch.testing.assert_close(of.hidden(ids), expected, rtol=1e-5, atol=1e-6)
    weights = one.fit(read, said, 1)
    assert any(bool(weight.any()) for name, weight in weights.items() if "lora_B" in name)
    after = of.state_dict()
    assert all(torch.equal(was, after[name]) for name, was in before.items())
    assert not any(".root." in name for name in of.lora)
    with torch.no_grad(), of.speaking("reward"):
        plain = of.hidden(ids)
        of._foldable = False
        torch.testing.assert_close(plain, of.hidden(ids), rtol=1e-4, atol=1e-5)
    with torch.no_grad(), of.reference():
        torch.testing.assert_close(of.hidden(ids), expected, rtol=1e-4, atol=1e-5)
