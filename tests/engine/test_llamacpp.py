"""llama.cpp itself. Only where it is installed: it is compiled at length (CONTRIBUTING)."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
import torch

from talecraft.config.assets import reference
from talecraft.engine import loading, opening
from talecraft.engine.decoding import Writer
from talecraft.engine.llamacpp import forms, trial
from talecraft.engine.llamacpp.model import LlamaCppModel
from talecraft.engine.session import Session
from talecraft.errors import AdapterError, EngineError
from talecraft.process.messages import (
    Draft,
    Drafted,
    DraftsOver,
    Finished,
    Load,
    Loaded,
)
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from tests.engine.test_service import PREMISE, Driver, made_adapter
from tests.support import small_run
from tests.support.models import bundled_ref, codec, shared_base

pytest.importorskip("llama_cpp")
GREEDY = Sampling(temperature=0.0, outline_tokens=12, prose_tokens=24)


def untold(what):
    """Nobody need be told."""


@pytest.fixture(scope="module")
def ref(tmp_path_factory):
    place = tmp_path_factory.mktemp("forms")
    return msgspec.structs.replace(bundled_ref(), kind="llamacpp", forms=str(place / "gguf"))


@pytest.fixture(scope="module")
def opened(ref):
    return opening.open_model(ref, untold)


def greedy(base, text):
    session = Session(base, "cpu")
    logits = session.read(codec().encode(text), lambda: False, lambda done, total: None)
    return Writer(session, codec(), GREEDY, lambda piece: None).write(logits, lambda: False)


def test_both_engines_write_the_same_after_200_prompts(opened):
    prompts = [f"<prompt>\n{one}\n" for one in reference("prompt")]
    for passage in reference("passage"):
        prompts += [f"<prompt>\n{one}.\n" for one in passage.split(". ")[:4]]
    assert len(set(prompts)) >= 200
    for text in prompts[:200]:
        theirs, ours = greedy(opened.base, text), greedy(shared_base(), text)
        assert theirs.ids == ours.ids
        torch.testing.assert_close(
            torch.tensor(theirs.raw), torch.tensor(ours.raw), rtol=1e-3, atol=1e-4
        )


def test_an_adapter_is_put_on_and_taken_off(ref, opened, tmp_path):
    adapter = made_adapter(tmp_path / "one")
    text = "<prompt>\nA shy fox learns to share\n"
    bare = greedy(opened.base, text).ids
    worn = opening.attach(opened.base, adapter, ref)
    ours = loading.attach(loading.load_base(ref)[0], adapter, ref)
    assert greedy(worn, text).ids == greedy(ours, text).ids != bare
    assert greedy(opening.detach(worn), text).ids == bare
    assert not list(Path(ref.forms).glob("*/adapter.gguf"))


def test_an_adapter_that_does_not_fit_is_refused_and_the_bare_model_writes(ref, opened, tmp_path):
    """Never the one before it under no name."""
    text = "<prompt>\nA shy fox learns to share\n"
    bare = greedy(opened.base, text).ids
    good = made_adapter(tmp_path / "good")
    model = small_run.small_model(tmp_path / "small")
    other = small_run.adapter_of(model, tmp_path / "other")
    other = msgspec.structs.replace(other, model_key=ref.key)
    damaged = made_adapter(tmp_path / "damaged", seed=2)
    (tmp_path / "damaged" / "adapter_model.safetensors").write_bytes(b"no weights")
    for wrong in (other, damaged):
        assert greedy(opening.attach(opened.base, good, ref), text).ids != bare
        with pytest.raises(AdapterError):
            opening.attach(opened.base, wrong, ref)
        assert greedy(opened.base, text).ids == bare


def test_what_is_left_of_other_writers_is_swept(ref, opened, tmp_path):
    there = msgspec.structs.replace(ref, forms=str(tmp_path / "gguf"))
    forms.base(msgspec.structs.replace(there, revision="old"), 1, untold)
    for name in (".m-F32.999999999.exact", f".m-F32.{os.getpid()}.new"):
        (tmp_path / "gguf" / name).write_bytes(b"half")
    forms.base(there, 1, untold)
    left = sorted(one.name for one in (tmp_path / "gguf").iterdir())
    assert len(left) == 2
    assert left[0] == f".m-F32.{os.getpid()}.new"


def test_a_model_is_written_once_and_only_this_user_can_read_it(ref, opened):
    (file,) = Path(ref.forms).glob("*.gguf")
    assert os.stat(file).st_mode & 0o777 == 0o600
    before = file.stat().st_mtime_ns
    forms.base(ref, 1, lambda what: pytest.fail(what))
    assert file.stat().st_mtime_ns == before


def test_8_bits_are_really_8_bits(ref):
    rounded = msgspec.structs.replace(ref, quantisation="int8")
    base = opening.open_model(rounded, untold).base
    assert (base.quantised_as, base.mode) == ("Q8_0", "llama.cpp-q8_0")
    text = "<prompt>\nA shy fox learns to share\n"
    session, ours = Session(base, "cpu"), Session(shared_base(), "cpu")
    ids = codec().encode(text + reference("passage")[0])
    logits = [one.feed(ids).float().log_softmax(-1) for one in (ours, session)]
    apart = float((logits[0].exp() * (logits[0] - logits[1])).sum(-1).mean())
    assert 1e-6 < apart < 5e-3
    forms.forget(rounded)


def test_a_damaged_file_is_an_error_in_words(ref, tmp_path):
    there = msgspec.structs.replace(ref, forms=str(tmp_path))
    file, _ = forms.base(there, 1, untold)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(EngineError, match="cannot read"):
        opening.open_model(there, untold)


def test_the_quicker_of_both_is_tried_out_once(ref, tmp_path, monkeypatch):
    auto = msgspec.structs.replace(ref, kind="auto", forms=str(tmp_path), lean=False)
    spent = {True: 2.0, False: 1.0}

    def seconds(session, vocabulary):
        return spent[isinstance(session._model, LlamaCppModel)]

    monkeypatch.setattr(trial, "seconds", seconds)
    assert not isinstance(opening.open_model(auto, untold).base, LlamaCppModel)
    assert trial.won(auto) is False
    assert not list(tmp_path.glob("*.gguf")), "what lost takes no room"
    monkeypatch.setattr(trial, "seconds", lambda *_: pytest.fail("tried again"))
    assert not isinstance(opening.open_model(auto, untold).base, LlamaCppModel)
    (tmp_path / trial.KEPT).unlink()
    spent |= {True: 1.0, False: 2.0}
    monkeypatch.setattr(trial, "seconds", seconds)
    assert isinstance(opening.open_model(auto, untold).base, LlamaCppModel)
    assert trial.won(auto) is True
    monkeypatch.setattr(trial, "seconds", lambda *_: pytest.fail("tried again"))
    assert isinstance(opening.open_model(auto, untold).base, LlamaCppModel)


def test_the_trial_itself_measures(opened):
    for base in (opened.base, shared_base()):
        session = Session(base, "cpu")
        assert trial.seconds(session, opened.base.num_embeddings) > 0
        assert not session.ids


def test_the_whole_engine_writes_by_it(ref, tmp_path):
    """A turn, drafts of a choice, a comparison with an adapter: each says what wrote it."""
    driver = Driver(tmp_path)
    adapter = made_adapter(tmp_path / "one")
    try:
        driver.client.load(Load(ref))
        assert driver.until(Loaded)[-1].steps == "llama.cpp-f32"
        done = driver.write(1, seed=4)[-1]
        assert isinstance(done, Finished)
        assert done.generation.engine_mode.startswith("llama.cpp-f32-")
        again = driver.write(2, seed=4)[-1]
        assert again.generation.response_ids == done.generation.response_ids
        short = Sampling(outline_tokens=12, prose_tokens=16)
        for request, adapters in ((3, []), (4, [None, adapter])):
            seeds = [[7, 8]] if not adapters else [[7, 7]]
            driver.client.generate(
                Draft(
                    request, ref.key, [[PREMISE, Block("<story>\nOnce.\n")]], short, seeds, adapters
                )
            )
            seen = driver.until(DraftsOver)
            (drafted,) = [one for one in seen if isinstance(one, Drafted)]
            worn = [one.generation.adapter_id for one in drafted.turns]
            assert worn == ([None, adapter.id] if adapters else [None, None])
            first, second = (one.generation.response_ids for one in drafted.turns)
            assert first != second
        last = driver.write(5, seed=4)[-1]
        assert last.generation.response_ids == done.generation.response_ids
        driver.client.load(Load(ref, adapter))
        assert driver.until(Loaded)[-1].adapter_id == adapter.id
        assert driver.write(6, seed=4)[-1].generation.response_ids != done.generation.response_ids
    finally:
        driver.client.close()
