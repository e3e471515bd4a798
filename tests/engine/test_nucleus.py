"""What is near the likeliest keeps what sorting everything keeps."""

import numpy as np
import pytest
import torch
from transformers.generation.logits_process import TopPLogitsWarper

from talecraft.engine import nucleus
from talecraft.engine.nucleus import Nucleus


@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.92, 0.999])
@pytest.mark.parametrize("near", [0.0, 0.3, 8.0])
def test_it_keeps_what_transformers_keeps(monkeypatch, top_p, near):
    """Narrow rows, wide ones, and one without a favourite."""
    monkeypatch.setattr(nucleus, "NEAR", near)
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.01, 0.5, 1.0, 3.0, 10.0, 30.0])[:, None]
    scores = spread * torch.randn(6, 1_000, generator=generator)
    ids = torch.zeros(6, 0, dtype=torch.long)
    assert torch.equal(Nucleus(top_p)(ids, scores), TopPLogitsWarper(top_p)(ids, scores))


def test_what_was_cut_before_stays_out():
    scores = torch.tensor([[3.0, -torch.inf, 2.0, -torch.inf]])
    kept = Nucleus(0.999)(torch.zeros(1, 0, dtype=torch.long), scores)
    assert torch.equal(kept, scores)


def test_few_are_sorted_where_these_are_enough(monkeypatch):
    sizes, sort = [], np.sort
    monkeypatch.setattr(nucleus.np, "sort", lambda row: sizes.append(len(row)) or sort(row))
    scores = 5 * torch.randn(8, 5_000, generator=torch.Generator().manual_seed(0))
    Nucleus(0.92)(torch.zeros(8, 0, dtype=torch.long), scores)
    assert len(sizes) == 8
    assert max(sizes) < 500


@pytest.mark.parametrize("top_p", [1e-9, 0.5, 1 - 1e-9])
def test_at_least_one_is_kept(top_p):
    scores = torch.tensor([[0.0, -torch.inf, 1.0], [2.0, 2.0, -torch.inf]])
    kept = Nucleus(top_p)(torch.zeros(2, 0, dtype=torch.long), scores)
    assert (kept.amax(-1) == scores.amax(-1)).all()


def test_scores_that_are_no_numbers_are_handed_on():
    scores = torch.full((1, 5), torch.nan)
    assert Nucleus(0.9)(torch.zeros(1, 0, dtype=torch.long), scores).isnan().all()
