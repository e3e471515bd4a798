"""oneDNN's products are torch's, forwards and backwards, whoever multiplies."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from talecraft.engine import kernels, products
from talecraft.engine.products import QuickConv1D, QuickLinear, product, quicken


def linear():
    torch.manual_seed(0)
    return nn.Linear(24, 40)


def conv1d():
    torch.manual_seed(0)
    made = Conv1D(40, 24)
    nn.init.normal_(made.bias)
    return made


@pytest.mark.parametrize("shape", [(1, 24), (7, 24), (3, 5, 24), (4, 9, 24)])
@pytest.mark.parametrize("layer", [linear, conv1d])
def test_a_quick_layer_gives_what_the_plain_one_gives(shape, layer):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    results = []
    for quick in (True, False):
        made = layer().requires_grad_(False)
        if quick:
            quicken(nn.Sequential(made))
        entering = x.clone().requires_grad_()
        leaving = made(entering)
        leaving.sin().sum().backward()
        results.append((leaving.detach(), entering.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [linear, conv1d])
def test_weights_that_learn_still_get_their_gradient(layer):
    made = layer()
    quicken(nn.Sequential(made))
    made(torch.randn(16, 24)).sum().backward()
    assert made.weight.grad.abs().sum() > 0
    assert made.bias.grad.abs().sum() > 0


@pytest.mark.parametrize("shape", [(24,), (1, 24), (1, 1, 24)])
@pytest.mark.parametrize("bias", [None, torch.ones(40)])
def test_one_row_is_multiplied_by_the_kernel_on_one_core(monkeypatch, shape, bias):
    torch.manual_seed(0)
    x, weight = torch.randn(shape), torch.randn(40, 24)
    theirs = nn.functional.linear(x, weight, bias)
    rows = []

    def kernel(*arrays):
        rows.append(arrays)
        kernels.row_product(*arrays)

    monkeypatch.setattr(products, "_row_kernel", lambda: kernel)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    torch.testing.assert_close(product(x, weight, bias), theirs, rtol=1e-5, atol=1e-5)
    assert len(rows) == 1
    product(x, weight[:, :12].repeat(1, 2).t().contiguous().t(), bias)  # it lies transposed
    product(x.double(), weight.double(), None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert torch.equal(product(x, weight, bias), theirs)
    assert len(rows) == 1


def test_without_onednn_torch_multiplies(monkeypatch):
    x, weight = torch.randn(16, 24), torch.randn(40, 24)
    quick = product(x, weight)
    monkeypatch.setattr(products, "_LINEAR", None)
    torch.testing.assert_close(product(x, weight), quick, rtol=1e-4, atol=1e-5)
    assert torch.equal(product(x, weight), nn.functional.linear(x, weight))
    left = nn.Sequential(linear())
    quicken(left)
    assert type(left[0]) is nn.Linear


def test_only_full_precision_is_touched():
    model = nn.Sequential(linear(), linear().bfloat16(), conv1d(), conv1d().half())
    quicken(model)
    found = products._LINEAR is not None
    kinds = [QuickLinear, nn.Linear, QuickConv1D, Conv1D]
    assert [type(one) for one in model] == (
        kinds if found else [nn.Linear, nn.Linear, Conv1D, Conv1D]
    )


def test_the_output_head_gets_its_rows_side_by_side():
    """A view of the last positions costs a copy of the weights for each row."""
    config = GPT2Config(vocab_size=50, n_positions=8, n_embd=8, n_layer=1, n_head=1)
    model = GPT2LMHeadModel(config).bfloat16().eval()
    plain = model(torch.arange(12).view(3, 4), logits_to_keep=1).logits
    quicken(model)
    seen = []
    model.lm_head.register_forward_hook(lambda _, given, made: seen.append(given[0]))
    quick = model(torch.arange(12).view(3, 4), logits_to_keep=1).logits
    assert [one.is_contiguous() for one in seen] == [True]
    torch.testing.assert_close(quick, plain, rtol=0.02, atol=2e-3)


def test_a_written_out_activation_has_a_fused_twin():
    model = nn.Sequential(NewGELUActivation())
    x = torch.linspace(-6, 6, 101)
    before = model(x)
    quicken(model)
    assert type(model[0]) is nn.GELU
    torch.testing.assert_close(model(x), before, rtol=1e-5, atol=1e-6)
