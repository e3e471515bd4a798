"""A checkpoint: everything comes back exactly, whole or not at all."""

import json

import pytest
import torch

from talecraft.errors import LibraryError
from talecraft.learning import checkpoint
from talecraft.process.run_client import CHECKPOINT
from tests.learning.test_ppo import SMALL, _with, made


def test_what_is_saved_comes_back_exactly(tmp_path):
    tensors = {"a/b.c": torch.randn(3, 4), "d": torch.tensor(0.1, dtype=torch.float64)}
    facts = {"beta": 0.1 + 0.2, "number": 7, "words": "“so”", "none": None}
    assert checkpoint.load(tmp_path) is None
    checkpoint.save(tmp_path, {"old": torch.zeros(1)}, {})
    checkpoint.save(tmp_path, tensors, facts)
    found, told = checkpoint.load(tmp_path)
    assert told == facts
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], one) for name, one in tensors.items())
    assert (tmp_path / CHECKPOINT).stat().st_mode & 0o077 == 0
    assert [file.name for file in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_full_disk_leaves_the_last_one(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, {"a": torch.ones(1)}, {"updates": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("talecraft.paths.os.fsync", full)
    with pytest.raises(LibraryError, match="could not be written"):
        checkpoint.save(tmp_path, {"a": torch.zeros(1)}, {"updates": 2})
    found, told = checkpoint.load(tmp_path)
    assert (float(found["a"]), told) == (1.0, {"updates": 1})


def test_practice_goes_on_exactly_where_it_was(tmp_path):
    """Update by update: one run of three, and one that is made anew after each."""
    settings = _with(SMALL, updates=3)
    whole_policy, whole = made(settings)
    whole._guards.trip = lambda step: ""
    expected = [(step.reward, step.kl, step.beta, step.value_loss) for step in whole.run()]
    found = []
    for _ in range(settings.updates):
        policy, ppo = made(settings, seed=0)
        ppo._guards.trip = lambda step: ""
        if (saved := checkpoint.load(tmp_path)) is not None:
            ppo.restore(*saved)
        step = next(ppo.run())
        found.append((step.reward, step.kl, step.beta, step.value_loss))
        checkpoint.save(tmp_path, *ppo.state())
    assert found == expected
    assert all(torch.equal(p, policy.lora[n]) for n, p in whole_policy.lora.items())
    assert torch.equal(whole_policy.value_head.weight, policy.value_head.weight)
    assert ppo.step_back(), "the states to go back to are kept too"
    assert whole.step_back()
    assert all(torch.equal(p, policy.lora[n]) for n, p in whole_policy.lora.items())


def test_a_run_that_had_stopped_stays_stopped():
    _, ppo = made(_with(SMALL, updates=4))
    steps = iter(ppo.run())
    next(steps)
    ppo._guards._most_kl = -1.0
    tripped = next(steps)
    assert tripped.note
    tensors, facts = ppo.state()
    _, again = made(_with(SMALL, updates=4))
    again.restore(tensors, json.loads(json.dumps(facts)))
    assert list(again.run()) == []
    assert again.stopped == tripped.note
    assert again.updates == ppo.updates
