"""A style: its vectors, its correlation, its file."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from talecraft.corpus.pairing import Pair
from talecraft.errors import EngineError, UsageError
from talecraft.learning import style, style_fitting
from talecraft.learning.correlation import spearman, sure
from talecraft.learning.style import Projection, Style
from talecraft.process.style import FACTS, Correlation, Epoch, StyleOrder, Tuned
from tests.support.encoder import tiny_encoder
from tests.support.models import bundled_ref, codec, shared_base

NONE = Correlation(0.0, 0.0, 0.0)
TUNED = Tuned("base", "tests", 9, 9, 9, NONE, NONE, 1, 1, bundled_ref().key)


def order(epochs: int = 12, encoder: str = "", pairs: str = "", target: str = "") -> StyleOrder:
    return StyleOrder(pairs, target, bundled_ref(), encoder, epochs, 3)


def pairs(count: int, split: str = "train", seed: int = 0) -> list[Pair]:
    """Of four authors: who wrote a text is its first letter, the rest is chance."""
    rng = random.Random(f"{seed} {split}")
    text = {one: [f"{one}{rng.random()}" for _ in range(30)] for one in "abcd"}
    found = []
    for at in range(count):
        one, other = rng.sample("abcd", 2)
        second = rng.choice(text[one if at % 2 else other])
        kind = "same author" if at % 2 else "other author"
        found.append(Pair(rng.choice(text[one]), second, float(at % 2), kind, split))  # type: ignore[arg-type]
    return found


def read(texts: list[str]) -> Tensor:
    """Two figures tell the author, faintly; forty are noise, by the text; one never varies."""
    rows = []
    for one in texts:
        noise = np.random.default_rng(abs(hash_of(one))).normal(size=40)
        at = "abcd".index(one[0])
        rows.append([0.7 * (at % 2), 0.7 * (at // 2), *noise, 5.0])
    return torch.tensor(rows).float()


def hash_of(text: str) -> int:
    return int.from_bytes(text.encode()[:16], "little")


def fitted(epochs: int = 12, held: int = 0) -> tuple[Projection, Tuned, list[Epoch]]:
    said: list[Epoch] = []
    projection, tuned = style_fitting.project(
        pairs(400), pairs(100, "held", held), pairs(100, "held", held + 1), read, order(epochs),
        said.append,
    )  # fmt: skip
    return projection, tuned, said


# ---------------------------------------------------------------------- correlation
def test_the_correlation_is_that_of_ranks_the_equal_sharing_theirs() -> None:
    found, wanted = np.array([0.1, 0.4, 0.4, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    # Ranks 1, 2.5, 2.5, 4 and 1.5, 1.5, 3.5, 3.5; about their mean -1.5, 0, 0, 1.5 and -1, -1, 1, 1
    assert spearman(found, wanted) == pytest.approx(3 / np.sqrt(4.5 * 4))
    assert spearman(found, found**3) == pytest.approx(1)
    assert spearman(found, -found) == pytest.approx(-1)
    assert spearman(np.ones(4), wanted) == 0


def test_its_interval_holds_it_and_is_the_narrower_the_more_pairs_there_are() -> None:
    random = np.random.default_rng(0)
    wanted = random.integers(0, 2, 400).astype(float)
    found = wanted + random.normal(size=400)
    few, many = sure(found[:40], wanted[:40], 1), sure(found, wanted, 1)
    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low


# ---------------------------------------------------------------------- fitting
def test_it_learns_to_tell_authors_it_is_told_of_on_texts_it_has_not_seen() -> None:
    projection, tuned, said = fitted()
    assert tuned.before.value < 0.5
    assert tuned.after.value > tuned.before.value + 0.15
    assert tuned.after.low > tuned.before.value
    assert [one.number for one in said] == list(range(1, tuned.epochs + 1))
    assert max(said, key=lambda one: one.correlation).number == tuned.best
    assert torch.isfinite(projection(read(["a1", "b2"]))).all()


def test_the_same_order_gives_the_same_style() -> None:
    one, other = fitted(3)[0], fitted(3)[0]
    assert torch.equal(one.weight, other.weight)


def test_held_pairs_choose_the_epoch_and_nothing_else() -> None:
    """One epoch leaves nothing to choose: whatever is held, the same is learned."""
    assert torch.equal(fitted(1)[0].weight, fitted(1, held=7)[0].weight)


def test_those_that_choose_do_not_tell() -> None:
    choosing, telling = style_fitting.divided(pairs(30, "held"))
    assert len(choosing) == len(telling) == 15
    assert not {id(one) for one in choosing} & {id(one) for one in telling}


def test_too_few_pairs_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    lines = [*pairs(60), *pairs(5, "held")]
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
    with pytest.raises(UsageError, match="5 pairs held back; at least 20 are needed"):
        style_fitting.carry_out(order(pairs=str(path)), lambda epoch: None)


def test_an_encoder_of_sentence_transformers_is_tuned_and_comes_back(tmp_path: Path) -> None:
    path, target = tmp_path / "pairs.jsonl", tmp_path / "style.safetensors"
    known = {"a": "fox", "b": "owl", "c": "the sea", "d": "rain"}

    def told(text: str) -> str:
        return f"{known[text[0]]} ran {text[-4:]}"

    lines = [
        msgspec.structs.replace(one, text1=told(one.text1), text2=told(one.text2))
        for one in [*pairs(160), *pairs(80, "held")]
    ]  # fmt: skip
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
    place = tiny_encoder(tmp_path / "encoder")
    said: list[Epoch] = []
    tuned = style_fitting.carry_out(order(2, str(place), str(path), str(target)), said.append)
    assert (tuned.kind, tuned.began, tuned.model) == ("encoder", "encoder", "")
    assert (tuned.pairs, tuned.chosen_by, tuned.held) == (160, 40, 40)
    assert 1 <= tuned.best <= tuned.epochs == len(said)
    again = style.load(target, None, codec(), 0, "any other model")
    vectors = again.vectors(["fox ran", "", "the sea"])
    assert torch.allclose(vectors.norm(dim=1), torch.tensor([1.0, 0.0, 1.0]), atol=1e-5)
    assert again.tuned == tuned
    assert target.stat().st_mode & 0o777 == 0o600


def test_what_is_no_encoder_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    lines = [*pairs(60), *pairs(40, "held")]
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
    with pytest.raises(EngineError, match="holds no sentence encoder"):
        style_fitting.carry_out(order(1, "nobody/nothing", str(path)), lambda epoch: None)


# ---------------------------------------------------------------------- vectors and files
def test_a_centroid_is_the_mean_direction() -> None:
    known = {"east": [1.0, 0.0], "north": [0.0, 1.0], "": [0.0, 0.0]}
    found = Style(lambda texts: torch.tensor([known[one] for one in texts]), TUNED)
    assert found.centroid(["east", "north"]).tolist() == pytest.approx([0.5**0.5, 0.5**0.5])
    assert found.centroid(["east", "east", "north"]).tolist() == pytest.approx(
        [2 / 5**0.5, 1 / 5**0.5]
    )
    with pytest.raises(ValueError, match="no text"):
        found.centroid([""])


def test_one_made_of_the_base_model_comes_back_and_knows_its_model(tmp_path: Path) -> None:
    base, path = shared_base(), tmp_path / "style.safetensors"
    look = style.reader(base, codec(), 0)
    texts = ["The fox ran home.", "An owl fell; upon the sea, alas!"]
    width = look(texts).shape[1]
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(8, width, generator=generator)
    projection = Projection(torch.zeros(width), torch.ones(width), weight)
    projection.save(path, TUNED)
    found = style.load(path, base, codec(), 0, bundled_ref().key)
    assert torch.allclose(found.vectors(texts), projection(look(texts)), atol=1e-6)
    assert found.vectors([" "]).abs().sum() == 0
    # By hand: the features of a text, weighed, and brought to length 1.
    row = look(texts)[0].clamp(-style.AT_MOST, style.AT_MOST) @ weight.T
    assert torch.allclose(found.vectors(texts)[0], row / row.norm(), atol=1e-5)
    with pytest.raises(EngineError, match=f"fitted for {bundled_ref().key}, and this is gpt2@1"):
        style.load(path, base, codec(), 0, "gpt2@1")


def test_a_text_reads_the_same_beside_others_of_any_length() -> None:
    look = style.reader(shared_base(), codec(), 0)
    alone, beside = look(["A fox."]), look(["An owl slept. " * 30, "A fox."])
    assert torch.allclose(alone[0], beside[1], atol=1e-4)


@pytest.mark.parametrize("name", ["file:../../gone.json", "file:/gone.json", "file:code.py", "x"])
def test_a_file_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "style.safetensors"
    tuned = msgspec.structs.replace(TUNED, kind="encoder", model="")
    facts = {FACTS: msgspec.json.encode(tuned).decode()}
    save_file({name: torch.zeros(3, dtype=torch.uint8)}, path, facts)
    with pytest.raises(EngineError, match="what no encoder does"):
        style.load(path, None, codec(), 0, "")


def test_a_broken_file_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    path.write_bytes(b"broken")
    with pytest.raises(EngineError, match="is no style"):
        style.load(path, None, codec(), 0, "")
