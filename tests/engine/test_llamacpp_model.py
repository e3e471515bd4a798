"""llama.cpp's model as transformers' are asked, over a memory that is played by torch."""

from __future__ import annotations

import gc
from collections import defaultdict
from importlib import metadata

import msgspec
import numpy as np
import pytest
import torch

from talecraft.engine import opening
from talecraft.engine.batch import Batch, Row
from talecraft.engine.llamacpp import native, trial
from talecraft.engine.llamacpp.model import LlamaCppModel
from talecraft.engine.llamacpp.native import SEQUENCES
from talecraft.engine.session import Session
from talecraft.errors import DoesNotFit, EngineError
from talecraft.story.turns import Sampling
from tests.support.models import bundled_base, bundled_ref, codec, shared_base, tiny_llama


class Memory:
    """What Native does, each sequence an ordinary list of ids that is read anew each time."""

    on_gpu = False

    def __init__(self, base):
        self.base = base
        self.vocabulary = base.config.vocab_size
        self.held = defaultdict(list)
        self.free = list(range(SEQUENCES))
        self.computed = 0

    def take(self):
        if not self.free:
            raise EngineError("too many")
        return self.free.pop()

    def give_back(self, sequences):
        for one in sequences:
            self.cut(one, 0)
            self.free.append(one)

    def cut(self, sequence, length):
        del self.held[sequence][length:]

    def copy(self, sequence):
        made = self.take()
        self.held[made] = list(self.held[sequence])
        return made

    @torch.no_grad()
    def read(self, places):
        asked = []
        for one in places:
            text = self.held[one.sequence]
            assert one.position == len(text), "a hole, or something that was not taken away"
            text.append(one.token)
            self.computed += 1
            if one.asked:
                asked.append(self.base(torch.tensor([text]), use_cache=False).logits[0, -1].float())
        return torch.stack(asked) if asked else torch.empty(0, self.vocabulary)


def like(base):
    return LlamaCppModel(Memory(base), base.config, base.generation_config, "F32", 1024)


def read(session, ids):
    return session.read(ids, lambda: False, lambda done, total: None)


def test_a_session_computes_what_follows_the_common_prefix_and_no_more():
    base = tiny_llama()
    model = like(base)
    memory, session, plain = model._native, Session(model, "cpu"), Session(base, "cpu")
    for ids, new in (
        ([5, 6, 7, 8, 9], 5), ([5, 6, 7, 8, 9, 10], 1), ([5, 6, 7, 1], 1),
        ([5, 6, 7, 1], 1), ([2], 1), (list(range(3, 40)), 37),
    ):  # fmt: skip
        memory.computed = 0
        torch.testing.assert_close(read(session, ids), read(plain, ids), rtol=1e-4, atol=1e-5)
        assert memory.computed == new
    after = session.feed([4, 5, 6])
    torch.testing.assert_close(after, plain.feed([4, 5, 6]), rtol=1e-4, atol=1e-5)
    assert session.mode == "llama.cpp-f32"


@pytest.mark.parametrize("banned", [(), ("the", "and")], ids=["plain", "banned"])
def test_a_batch_writes_what_it_writes_over_transformers(banned):
    """Prompts of several lengths, copies, rows that end early, words that are taken back."""
    base, words = shared_base(), codec()
    sampling = Sampling(outline_tokens=6, prose_tokens=12, banned=banned)
    prompts = [words.encode(f"<prompt>\n{text}\n") for text in ("A fox", "A long way to the sea")]
    prompts.append([*prompts[0], *words.encode("It rained on. " * 8)])

    def written(model):
        rows = [Row(ids, words, sampling, seed, seed == 2) for ids in prompts for seed in (1, 2)]
        batch = Batch(model, rows, sampling, 0, record=True)
        while batch.step():
            pass
        return [(row.response.ids, np.round(row.response.raw, 3).tolist()) for row in rows]

    model = like(base)
    assert written(model) == written(base)
    gc.collect()
    assert sorted(model._native.free) == list(range(SEQUENCES)), "all sequences were given back"


def test_rows_are_chosen_and_copied_and_let_go():
    model = like(tiny_llama())
    memory, cache = model._native, model.empty_cache()
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    model(input_ids=ids, cache=cache)
    cache.batch_select_indices(torch.tensor([1, 1, 0]))
    assert [memory.held[one] for one in cache.rows] == [[4, 5, 6], [4, 5, 6], [1, 2, 3]]
    model(input_ids=torch.tensor([[7], [8], [9]]), cache=cache)
    cache.batch_select_indices(torch.tensor([2]))
    assert [memory.held[one] for one in cache.rows] == [[1, 2, 3, 9]]
    cache.crop(-2)
    assert (memory.held[cache.rows[0]], cache.lengths) == ([1, 2], [2])
    assert len(memory.free) == SEQUENCES - 1
    del cache
    gc.collect()
    assert len(memory.free) == SEQUENCES


def _missing(name):
    raise metadata.PackageNotFoundError(name)


def test_an_older_one_is_none(monkeypatch):
    for version, known in (("0.3.36", True), ("0.4.0.dev1", True), ("0.3.35", False), ("x", False)):
        monkeypatch.setattr(native.metadata, "version", lambda name, told=version: told)
        assert native.installed() is known


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """A bundled model that may be tried, and what is told of it."""
    monkeypatch.setattr(trial, "installed", lambda: True)
    monkeypatch.setattr(trial.metadata, "version", lambda name: "1")
    return msgspec.structs.replace(bundled_ref(), kind="auto", forms=str(tmp_path))


def ours():
    return Session(shared_base(), "cpu")


@pytest.mark.parametrize(
    "error", [EngineError("no"), KeyError("x"), OSError("disk"), MemoryError()]
)
def test_what_fails_in_the_trial_leaves_torch_to_write_for_good(tried, monkeypatch, error):
    def broken(model, tell):
        assert trial.won(model) is False, "if this ends the engine it is not tried again"
        raise error

    monkeypatch.setattr(trial, "open_base", broken)
    assert trial.due(tried, "cpu")
    assert trial.try_both(tried, ours(), lambda what: None) is None
    assert trial.won(tried) is False
    assert not trial.due(tried, "cpu")
    assert not trial.due(tried, "cuda")


def test_that_there_was_no_room_is_not_kept(tried, monkeypatch):
    def full(model, tell):
        raise DoesNotFit("no room")

    monkeypatch.setattr(trial, "open_base", full)
    assert trial.try_both(tried, ours(), lambda what: None) is None
    assert trial.due(tried, "cpu")


def test_what_computes_something_else_does_not_win_however_quick(tried, monkeypatch):
    spent = iter((2.0, 1.0) * 2)
    monkeypatch.setattr(trial, "seconds", lambda *_: next(spent))
    monkeypatch.setattr(trial, "open_base", lambda model, tell: like(shared_base()))
    assert trial.try_both(tried, ours(), lambda what: None) is not None
    other = bundled_base()
    with torch.no_grad():
        other.model.layers[0].self_attn.q_proj.weight.mul_(1.5)
    monkeypatch.setattr(trial, "open_base", lambda model, tell: like(other))
    assert trial.try_both(tried, ours(), lambda what: None) is None
    assert trial.won(tried) is False


def test_what_won_once_and_fails_now_is_given_up(tried):
    with trial.daring(tried):
        assert trial.won(tried) is False
    assert trial.won(tried) is True
    with trial.daring(tried):
        raise EngineError("gone")
    assert trial.won(tried) is False


def test_where_it_is_not_installed_torch_writes_and_nothing_is_tried(tmp_path, monkeypatch):
    """Also where it once won, and was taken away since."""
    monkeypatch.setattr(native.metadata, "version", _missing)
    auto = msgspec.structs.replace(bundled_ref(), kind="auto", forms=str(tmp_path))
    opened = opening.open_model(auto, lambda what: pytest.fail(what))
    assert not isinstance(opened.base, LlamaCppModel)
    assert list(tmp_path.iterdir()) == []
    asked = msgspec.structs.replace(auto, kind="llamacpp")
    with pytest.raises(EngineError, match="not installed"):
        opening.open_model(asked, lambda what: None)


def test_logits_are_of_the_last_ids_where_these_are_asked_for():
    base = tiny_llama()
    model, ids = like(base), torch.tensor([[1, 2, 3], [4, 5, 6]])
    theirs = base(ids).logits
    torch.testing.assert_close(model(input_ids=ids).logits, theirs, rtol=1e-4, atol=1e-5)
    last = model(input_ids=ids, logits_to_keep=1).logits
    torch.testing.assert_close(last, theirs[:, -1:], rtol=1e-4, atol=1e-5)
