"""What cannot fit is refused, and the nearest choice that does is named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from talecraft.config import models
from talecraft.errors import DoesNotFit
from talecraft.paths import home
from talecraft.process.machine import typical
from talecraft.process.run_events import PpoSettings
from talecraft.studio import Studio, memory
from talecraft.studio.fit import QUANTISATIONS, Fitting, table
from talecraft.studio.needs import Needs
from tests.studio.test_needs import gpt2
from tests.support.models import SECOND


@pytest.fixture
def fitting(tmp_path: Path) -> Fitting:
    """The bundled model, and one of GPT-2's size that is nothing but headers."""
    folder = tmp_path / "second"
    folder.mkdir()
    gpt2(folder)
    home().config.mkdir(parents=True)
    home().models_file.write_text(SECOND.format(folder=folder))
    machine = msgspec.structs.replace(typical(), device="cpu", native=False)
    return Fitting(home(), models.load(home()), machine, PpoSettings())


def test_every_precision_is_told_the_finest_first(fitting: Fitting, tmp_path: Path) -> None:
    spec = fitting.catalogue.get("second")
    found = fitting.of(spec)
    assert tuple(one.quantisation for one in found) == QUANTISATIONS
    assert [one.quantisation for one in found if one.chosen] == ["fp32"]
    assert all(one.both == one.write + one.train for one in found)
    assert found[0].write > found[2].write > found[3].write
    shape = gpt2(tmp_path)
    native = msgspec.structs.replace(fitting.machine, native=True)
    chosen = [one for one in table(shape, spec, native, PpoSettings()) if one.chosen]
    assert [one.quantisation for one in chosen] == ["bf16"]
    needs = Needs(shape, "bf16", native)
    assert (chosen[0].write, chosen[0].train) == (
        needs.engine(1024, spec.lora_rank), needs.run(spec.lora_rank, PpoSettings()),
    )  # fmt: skip


def test_fewer_passages_at_once_need_less_to_train_and_as_much_to_write(fitting: Fitting) -> None:
    spec = fitting.catalogue.get("second")
    few = msgspec.structs.replace(spec, micro_batch=2)
    for usual, less in zip(fitting.of(spec), fitting.of(few), strict=True):
        assert less.write == usual.write
        assert less.train < usual.train


def test_the_nearest_choice_is_the_finest_precision_that_fits(fitting: Fitting) -> None:
    spec = fitting.catalogue.get("second")
    write = {one.quantisation: one.write for one in fitting.of(spec)}
    said = fitting.nearest(spec, "write", write["int8"] + 1)
    assert said.endswith("talecraft models quantise second int8.")
    assert memory.size(write["int8"]) in said
    assert fitting.nearest(spec, "write", write["nf4"] + 1).endswith("quantise second nf4.")


def test_then_the_largest_other_model_then_none(fitting: Fitting) -> None:
    spec, small = fitting.catalogue.get("second"), fitting.catalogue.default
    ember = next(one for one in fitting.of(small) if one.chosen)
    said = fitting.nearest(spec, "train", ember.train + 1)
    assert said == f"llama-ember would fit ({memory.size(ember.train)})."
    assert fitting.nearest(spec, "write", 10.0).startswith("No other model")
    assert fitting.nearest(fitting.catalogue.get("llama-3-8b"), "write", 10.0).startswith("No")


def test_what_cannot_be_loaded_is_not(
    studio: Studio, fitting: Fitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.catalogue.read_again(studio.home)
    before = studio.model
    monkeypatch.setattr(memory, "free_mb", lambda: 700.0)
    with pytest.raises(DoesNotFit, match=r"second does not fit.*700 MB are free") as caught:
        studio.choose_model("second")
    assert caught.value.exit_code == 4
    assert "would fit" in caught.value.hint or "quantise" in caught.value.hint
    assert studio.model == before
    assert not studio.engine.running
    monkeypatch.setattr(memory, "free_mb", lambda: 6000.0)
    studio.choose_model("second")
    assert studio.model.id == "second"


def test_a_run_that_cannot_fit_names_what_would(
    studio: Studio, fitting: Fitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.catalogue.read_again(studio.home)
    spec = studio.catalogue.get("second")
    train = {one.quantisation: one.train for one in studio.fitting().of(spec)}
    monkeypatch.setattr(memory, "free_mb", lambda: train["nf4"] + 1)
    plan = studio.training.plan(spec)
    assert not plan.fits
    assert "talecraft models quantise second" in plan.refusal
    assert plan.engine_mb > 0
