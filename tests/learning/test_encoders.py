"""Words as vectors: by the base's own embeddings, and by a small sentence encoder."""

from pathlib import Path

import pytest
import torch

from talecraft.errors import EngineError
from talecraft.learning.encoders import BaseEncoder, SentenceEncoder
from tests.support.encoder import tiny_encoder
from tests.support.models import bundled_base, codec

TEXTS = ["The fox ran home.", "", "An owl’s feather fell; the fox ran."]


@pytest.fixture(scope="module")
def base() -> BaseEncoder:
    return BaseEncoder(bundled_base(), codec())


@pytest.fixture(scope="module")
def sentence(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return SentenceEncoder(tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny"))


@pytest.mark.parametrize("kind", ["base", "sentence"])
def test_every_word_has_a_vector_of_length_one(kind, request):
    encoder = request.getfixturevalue(kind)
    found = encoder.words(TEXTS)
    assert [words for words, _ in found] == [
        ["the", "fox", "ran", "home"],
        [],
        ["an", "owl's", "feather", "fell", "the", "fox", "ran"],
    ]
    for words, vectors in found:
        assert len(vectors) == len(words)
        assert torch.allclose(vectors.norm(dim=1), torch.ones(len(words)), atol=1e-5)
    passages = encoder.passages(["The fox ran home.", "An owl fell."])
    assert torch.allclose(passages.norm(dim=1), torch.ones(2), atol=1e-5)


def test_in_the_base_a_word_is_itself_wherever_it_stands(base):
    (first, a), _, (second, b) = base.words(TEXTS)
    assert torch.equal(a[first.index("fox")], b[second.index("fox")])
    assert torch.equal(base.words(["FOX"])[0][1][0], a[first.index("fox")])


def test_in_the_base_inflections_are_nearer_than_other_words(base):
    (words, vectors), *_ = base.words(["fox foxes run runs walk walked door doors"])
    near = vectors @ vectors.T
    for at in range(0, len(words), 2):
        others = [i for i in range(len(words)) if i // 2 != at // 2]
        assert near[at, at + 1] > near[at, others].max(), words[at]


def test_a_sentence_encoder_knows_context(sentence):
    (first, a), _, (second, b) = sentence.words(TEXTS)
    assert not torch.equal(a[first.index("fox")], b[second.index("fox")])


def test_what_is_beyond_its_window_is_left_out(sentence):
    ((words, vectors),) = sentence.words(["fox " * 200])
    assert 0 < len(words) == len(vectors) < 64


def test_a_folder_without_an_encoder_is_refused_in_words(tmp_path: Path):
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(EngineError, match="holds no sentence encoder"):
        SentenceEncoder(tmp_path)
