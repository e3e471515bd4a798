"""The growing cache holds what transformers' own would, to the last bit, and copies seldom."""

import pytest
import torch
from transformers import DynamicCache

from talecraft.engine.cache import ROOM, GrowingLayer, growing_cache
from tests.support.models import shared_base


def states(layer, batch, count, seed):
    dice = torch.Generator().manual_seed(seed)
    keys, values = torch.randn(2, batch, 2, count, 4, generator=dice)
    return layer.update(keys, values)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_model_says_the_same_with_it(rows):
    model = shared_base()
    ids = torch.arange(5, 5 + rows * 9).reshape(rows, 9)
    plain, growing = DynamicCache(config=model.config), growing_cache(model.config)
    for start in range(0, 9, 3):
        chunk = ids[:, start : start + 3]
        with torch.inference_mode():
            theirs, ours = (
                model(input_ids=chunk, cache=cache, use_cache=True).logits
                for cache in (plain, growing)
            )
        assert torch.equal(ours, theirs)


def test_any_order_of_growing_cropping_and_choosing_rows_is_the_plain_layers():
    ours = GrowingLayer()
    plain = DynamicCache(config=shared_base().config).layers[0]
    batch = 4
    for turn, count in enumerate((5, ROOM, 1, 1, ROOM + 3, 2, 1)):
        for one, theirs in zip(
            states(ours, batch, count, turn), states(plain, batch, count, turn), strict=True
        ):
            assert torch.equal(one, theirs)
        if turn % 2:
            ours.crop(-2), plain.crop(-2)
        if turn == 3:
            kept = torch.tensor([2, 0])
            ours.batch_select_indices(kept), plain.batch_select_indices(kept)
            batch = 2
        assert ours.get_seq_length() == plain.get_seq_length()
        assert torch.equal(ours.keys, plain.keys)
        assert torch.equal(ours.values, plain.values)


def test_a_token_is_written_where_there_is_room():
    layer = GrowingLayer()
    states(layer, 2, 5, 0)
    at = layer.keys.data_ptr()
    for turn in range(ROOM):
        states(layer, 2, 1, turn)
        assert layer.keys.data_ptr() == at
    states(layer, 2, 1, 0)
    assert layer.keys.data_ptr() != at
    layer.reset()
    states(layer, 3, 1, 0)
    assert layer.keys.shape == (3, 2, 1, 4)
