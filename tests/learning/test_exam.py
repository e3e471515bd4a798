"""A model measured: figures by hand, and the bundled one by the real child."""

import math

import msgspec
import pytest
import torch

from talecraft.config.assets import reference
from talecraft.engine import loading
from talecraft.errors import EngineError
from talecraft.learning import exam
from talecraft.process.exam import ExamOrder, examine
from talecraft.story.turns import Sampling
from tests.support.models import bundled_base, bundled_ref, codec

SHORT = Sampling(outline_tokens=16, prose_tokens=24, seed=3)


def test_a_model_that_knows_nothing_is_as_surprised_as_its_vocabulary_is_large():
    base = bundled_base()
    with torch.no_grad():
        base.lm_head.weight = torch.nn.Parameter(torch.zeros_like(base.lm_head.weight))
    opened = loading.Opened(base, loading.Device("cpu", torch.float32), codec(), 0)
    texts = ["The owl waited.", "A boat came in with the tide."]
    seen = []
    perplexity, bits = exam.reading(opened, texts, seen.append)
    size = base.config.vocab_size
    tokens = sum(len(codec().encode(text)) for text in texts)
    assert perplexity == pytest.approx(size, rel=1e-5)
    assert bits == pytest.approx(tokens * math.log2(size) / sum(map(len, texts)), rel=1e-5)
    assert seen == [1, 2]


def test_the_bundled_model_is_measured_by_the_child_as_it_is_here():
    order = ExamOrder(bundled_ref(), reference("passage")[:3], reference("gate")[:3], SHORT)
    heard = []
    found = examine(order, lambda event: heard.append((event.done, event.total)))
    assert heard[-1] == (6, 6)
    again = exam.examine(order, lambda done, total: None)
    for name in ("perplexity", "bits", "followed", "strange", "repeated", "finished"):
        assert getattr(found, name) == pytest.approx(getattr(again, name), rel=1e-4), name
    assert 1 < found.bits < 2.5
    assert found.followed > found.strange
    assert (found.turns, found.device, found.precision) == (3, "cpu", "float32")
    assert found.speed > 1
    assert 100 < found.memory < 4000


def test_what_cannot_be_loaded_is_said_in_words(tmp_path):
    lost = msgspec.structs.replace(bundled_ref(), folder=str(tmp_path))
    with pytest.raises(EngineError, match=r"config\.json is missing"):
        examine(ExamOrder(lost, [], [], SHORT), lambda event: None)
