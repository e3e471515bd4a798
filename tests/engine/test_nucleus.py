"""The shortlist keeps what sorting everything keeps."""

import pytest
import torch
from transformers.generation.logits_process import TopPLogitsWarper

from talecraft.engine import nucleus
from talecraft.engine.nucleus import Nucleus


@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.92, 0.999])
@pytest.mark.parametrize("shortlist", [4, 256])
def test_it_keeps_what_transformers_keeps(monkeypatch, top_p, shortlist):
    """Narrow rows, wide ones, and one without a favourite."""
    monkeypatch.setattr(nucleus, "SHORTLIST", shortlist)
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.01, 0.5, 1.0, 3.0, 10.0, 30.0])[:, None]
    scores = spread * torch.randn(6, 1_000, generator=generator)
    ids = torch.zeros(6, 0, dtype=torch.long)
    assert torch.equal(Nucleus(top_p)(ids, scores), TopPLogitsWarper(top_p)(ids, scores))


def test_what_was_cut_before_stays_out():
    scores = torch.tensor([[3.0, -torch.inf, 2.0, -torch.inf]])
    kept = Nucleus(0.999)(torch.zeros(1, 0, dtype=torch.long), scores)
    assert torch.equal(kept, scores)


def test_nothing_is_sorted_where_the_shortlist_is_enough(monkeypatch):
    def sort(*_):
        raise AssertionError("sorted")

    monkeypatch.setattr(TopPLogitsWarper, "__call__", sort)
    scores = 5 * torch.randn(8, 5_000, generator=torch.Generator().manual_seed(0))
    Nucleus(0.92)(torch.zeros(8, 0, dtype=torch.long), scores)


def test_scores_that_are_no_numbers_are_handed_on():
    scores = torch.full((1, 5), torch.nan)
    assert Nucleus(0.9)(torch.zeros(1, 0, dtype=torch.long), scores).isnan().all()
