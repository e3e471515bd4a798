"""How near a text's manner comes to an author's, by hand."""

from __future__ import annotations

import msgspec
import pytest
import torch

from talecraft.corpus.manners import Specimen
from talecraft.learning import manner
from talecraft.learning.manner import Near
from talecraft.learning.style import Style
from talecraft.learning.style_gate import own_cosine
from talecraft.process.run_events import StyleSettings
from tests.learning.test_style import TUNED

KNOWN = {"east": [1.0, 0.0], "north": [0.0, 1.0], "between": [0.6, 0.8], "": [0.0, 0.0]}


def vectors(texts):
    return torch.tensor([KNOWN[one] for one in texts])


def specimen(text: str, author: str = "me") -> Specimen:
    return Specimen(author, "b", "c", 1, "train", author == "me", text)


def test_it_is_the_cosine_to_the_own_centroid_less_a_share_of_that_to_others():
    class Order:
        style = StyleSettings(contrast=0.5)

    others = {"you": [specimen("north", "you")], "they": [specimen("between", "they")]}
    near = manner.near(Style(vectors, TUNED), [specimen("east")], others, Order())  # type: ignore[arg-type]
    texts = ["between", "east", ""]
    assert near.cosine(texts).tolist() == pytest.approx([0.6, 1.0, 0.0])
    assert near.to_others(texts)[0].tolist() == pytest.approx([0.8, 1.0])
    # 0.6 - 0.5 (0.8 + 1.0) / 2, and 1 - 0.5 (0.0 + 0.6) / 2
    assert near.worth(texts).tolist() == pytest.approx([0.15, 0.85, 0.0])


def test_without_other_authors_the_cosine_alone_stands():
    near = Near(vectors, torch.tensor([1.0, 0.0]), torch.zeros(0, 2), 0.5)
    assert near.worth(["between"]).tolist() == pytest.approx([0.6])
    assert near.to_others(["between"]).shape == (1, 0)


def test_a_chunk_is_measured_by_the_centroid_of_the_others():
    found = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    # The first two: against (1, 1) / sqrt 2; the third against (1, 0).
    assert own_cosine(found) == pytest.approx((2 * 0.5**0.5 + 0.0) / 3)


def test_the_settings_know_no_other_keys():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"contrast": 0.5, "contrat": 1}', type=StyleSettings)
