"""Policy, reference and value head on one base: what must be exactly equal is exactly equal."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import GPT2Config, GPT2LMHeadModel

from talecraft.engine.products import quicken
from talecraft.errors import EngineError
from talecraft.learning import arithmetic
from talecraft.learning.policy import Policy, token_logprobs
from talecraft.learning.sequences import collate
from talecraft.process import adapter_files
from tests.support.models import tiny_llama

PROMPTS = [[5, 6, 7], [8, 9, 10, 11, 12, 13], [14], [15, 16]]
RESPONSES = [[20, 21, 22, 23, 24], [25, 26], [27, 28, 29, 30], [31, 32, 33, 34, 35, 36, 37]]
FORCED = [
    [True, False, False, False, False],
    [False, False],
    [True, True, False, False],
    [False] * 7,
]


def policy(seed: int = 0) -> Policy:
    torch.manual_seed(seed)
    return Policy(tiny_llama(), 4, 8, "all-linear")


def nudged(seed: int = 0) -> Policy:
    """A policy whose adapter does something."""
    return nudge(policy(seed))


def nudge(made: Policy) -> Policy:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.lora.values():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return made


def batch():
    return collate(PROMPTS, RESPONSES, FORCED, pad=0)


def step(made: Policy) -> None:
    """One real optimiser step."""
    optimiser = torch.optim.Adam(made.lora.values(), lr=0.05)
    made.judge(batch()).logprobs.sum().backward()
    optimiser.step()


def test_the_adapter_off_is_the_untouched_base_before_and_after_training():
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
    with torch.no_grad():
        untouched = tiny_llama()(ids).logits
        made = policy()
        assert torch.equal(made.model(ids).logits, untouched), "a fresh adapter changes nothing"
        with made.reference():
            assert torch.equal(made.model(ids).logits, untouched)
    step(made)
    with torch.no_grad():
        assert not torch.equal(made.model(ids).logits, untouched), "training changed nothing"
        with made.reference():
            assert torch.equal(made.model(ids).logits, untouched)


def test_merging_gives_the_adapters_logits_and_puts_every_bit_back():
    made = nudged()
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
    before = {name: p.clone() for name, p in made.model.named_parameters()}
    with torch.no_grad():
        adapted = made.model(ids).logits
        with made.merged() as model:
            torch.testing.assert_close(model(ids).logits, adapted, rtol=1e-4, atol=1e-5)
        assert torch.equal(made.model(ids).logits, adapted)
    after = dict(made.model.named_parameters())
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_log_probs_are_those_of_the_plain_forward():
    made = nudged()
    judged = made.judge(batch(), entropy=True)
    for row, (prompt, response) in enumerate(zip(PROMPTS, RESPONSES, strict=True)):
        with torch.no_grad():
            logits = made.model(torch.tensor([prompt + response])).logits[0]
        table = torch.log_softmax(logits[len(prompt) - 1 : -1], -1)
        expected = table[range(len(response)), response]
        got = judged.logprobs[row, : len(response)]
        torch.testing.assert_close(got.detach(), expected, rtol=1e-5, atol=1e-5)
        entropy = -(table.exp() * table).sum(-1)
        torch.testing.assert_close(
            judged.entropy[row, : len(response)], entropy, rtol=1e-5, atol=1e-5
        )
    assert (judged.logprobs * (batch().targets < 0)).abs().sum() == 0, "padding has no log-prob"


def test_the_mask_leaves_out_forced_tokens_and_padding():
    expected = torch.zeros(4, 7)
    expected[0, 1:5] = expected[1, :2] = expected[2, 2:4] = expected[3, :7] = 1
    assert torch.equal(batch().mask, expected)


@pytest.mark.parametrize("longest", [0, 7, 31])
def test_padding_changes_nothing(longest):
    """The same sequence alone, and beside one that is `longest` tokens longer."""
    made = nudged()
    alone = made.judge(collate(PROMPTS[:1], RESPONSES[:1], FORCED[:1], 0)).logprobs[0]
    other = [40] * (len(RESPONSES[0]) + longest)
    together = collate(
        [PROMPTS[0], PROMPTS[0]], [RESPONSES[0], other], [FORCED[0], [False] * len(other)], 0
    )
    beside = made.judge(together).logprobs[0, : len(RESPONSES[0])]
    torch.testing.assert_close(beside, alone, rtol=0, atol=1e-5)


def test_the_gradient_does_not_depend_on_micro_batches():
    gradients = []
    for size in (4, 1):
        made = nudged()
        whole = batch()
        old = made.judge(whole).logprobs.detach() + 0.1
        for at in range(0, 4, size):
            rows = torch.arange(at, at + size)
            part = whole[rows]
            width = part.mask.shape[1]
            now = made.judge(part).logprobs
            arithmetic.policy_loss(
                now, old[rows, :width], torch.ones_like(now), part.mask, 0.2, whole.mask.sum()
            ).loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in made.lora.values()]))
    scale = float(gradients[0].abs().max())
    torch.testing.assert_close(gradients[0] / scale, gradients[1] / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("at_a_time", [1, 33, 10_000])
def test_log_probs_in_chunks_have_the_gradient_of_the_plain_formula(
    monkeypatch, at_a_time, temperature
):
    monkeypatch.setattr("talecraft.learning.policy.LOGITS_AT_A_TIME", at_a_time)
    head, targets = frozen_head(11, 6), torch.arange(8)
    states = torch.randn(8, 6, generator=torch.Generator().manual_seed(2))
    weights = torch.arange(8.0)
    results = []
    for chunked in (True, False):
        hidden = states.clone().requires_grad_()
        if chunked:
            logprobs, spread = token_logprobs(hidden, head, targets, temperature, entropy=True)
        else:
            table = torch.log_softmax(head(hidden) / temperature, -1)
            logprobs, spread = table[range(8), targets], -(table.exp() * table).sum(-1)
        (logprobs * weights).sum().backward()
        results.append((logprobs.detach(), spread.detach(), hidden.grad))
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-6)


def test_memory_of_the_head_does_not_grow_with_vocabulary_times_batch(monkeypatch):
    """Neither kept for the backward pass nor ever made at once."""
    monkeypatch.setattr("talecraft.learning.policy.LOGITS_AT_A_TIME", 4_000)
    head, kept = frozen_head(1_000, 6), []
    hidden = torch.randn(500, 6, requires_grad=True)
    with (
        Largest() as made,
        torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor
        ),
    ):
        logprobs, _ = token_logprobs(hidden, head, torch.arange(500))
        logprobs.sum().backward()
    assert kept, "there was nothing to go back through"
    assert max(kept) <= hidden.numel()
    assert made.numel <= max(4_000, head.weight.numel())


class Largest(TorchDispatchMode):
    """The size of the largest tensor made inside."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        self.numel = max([self.numel, *(one.numel() for one in tensors)])
        return made


def frozen_head(vocabulary: int, width: int) -> torch.nn.Linear:
    head = torch.nn.Linear(width, vocabulary, bias=False).requires_grad_(False)
    torch.nn.init.normal_(head.weight, generator=torch.Generator().manual_seed(1))
    return head


def tiny_gpt2():
    """The other kind of linear layer: weights lie transposed, with a bias."""
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    return GPT2LMHeadModel(config).eval()


@pytest.mark.parametrize(
    ("base", "targets"),
    [(tiny_llama, "all-linear"), (tiny_gpt2, ["c_attn", "c_proj", "c_fc"])],
)
@pytest.mark.parametrize("quick", [False, True])
def test_folded_layers_have_the_values_and_gradients_of_pefts_own(base, targets, quick):
    results = []
    for fold in (True, False):
        model = base()
        if quick and fold:
            quicken(model)
        made = nudge(Policy(model, 4, 8, targets))
        made._foldable = fold
        judged = made.judge(batch())
        (judged.logprobs * batch().mask).sum().backward()
        results.append([judged.logprobs.detach(), *(p.grad for p in made.lora.values())])
    assert all(one.abs().sum() > 0 for one in results[0])
    torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)


def test_folding_leaves_no_trace_and_knows_when_the_adapter_is_off():
    made = nudged()
    ids = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])
    with torch.no_grad():
        bare, adapted = tiny_llama()(ids).logits, made.model(ids).logits
        with made.folded():
            torch.testing.assert_close(made.model(ids).logits, adapted, rtol=1e-4, atol=1e-5)
            with made.reference():
                assert torch.equal(made.model(ids).logits, bare)
        assert torch.equal(made.model(ids).logits, adapted)
        with made.reference(), made.folded():
            assert torch.equal(made.model(ids).logits, bare)


def test_a_fold_follows_the_weights():
    made = nudged()
    before = made.judge(batch()).logprobs.detach()
    step(made)
    assert (made.judge(batch()).logprobs - before).abs().max() > 1e-3


def test_an_adapted_output_layer_is_refused():
    with pytest.raises(EngineError, match="lora_targets"):
        Policy(tiny_llama(), 4, 8, ["q_proj", "lm_head"])


def test_the_critic_cannot_disturb_the_policy():
    made = nudged()
    torch.nn.init.ones_(made.value_head.weight)
    made.judge(batch()).values.sum().backward()
    assert made.value_head.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in made.lora.values())


def test_a_saved_adapter_has_the_same_checksum_wherever_it_was_made(tmp_path):
    files = [nudged().save(tmp_path / name, "tiny@1") for name in ("a", "b")]
    assert files[0] == files[1]
    assert sorted(files[0]) == sorted(adapter_files.FILES)
    assert {f.name for f in (tmp_path / "a").iterdir()} == set(adapter_files.FILES)
    assert str(tmp_path) not in (tmp_path / "a" / "adapter_config.json").read_text()


def test_snapshots_are_put_back_exactly():
    made = nudged()
    kept = made.snapshot()
    step(made)
    made.restore(kept)
    assert all(torch.equal(p, kept[name]) for name, p in made.lora.items())


def test_an_opponent_beside_the_policy_leaves_it_alone(tmp_path):
    """The gate loads the active adapter next to the candidate: only the candidate learns."""
    rival = nudged(3)
    with torch.no_grad():
        for parameter in rival.lora.values():
            parameter.mul_(-2)
    rival.save(tmp_path / "rival", "tiny@1")
    made = nudged()
    names = set(made.lora)
    alone = made.judge(batch()).logprobs.detach()
    bare = tiny_llama()(torch.tensor([[5, 6, 7]])).logits
    made.model.load_adapter(str(tmp_path / "rival"), adapter_name="opponent")
    made.model.set_adapter("default")
    for adapter, like in (("opponent", rival), ("default", made)):
        with made.merged(adapter) as model, torch.no_grad():
            expected = like.model(torch.tensor([[5, 6, 7, 8]])).logits if like is rival else None
            got = model(torch.tensor([[5, 6, 7, 8]])).logits
        if expected is not None:
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    assert set(made.lora) == names, "only the policy's own weights are trainable"
    torch.testing.assert_close(made.judge(batch()).logprobs.detach(), alone, rtol=0, atol=0)
    with made.reference(), torch.no_grad():
        assert torch.equal(made.model(torch.tensor([[5, 6, 7]])).logits, bare)
    step(made)
    rivals = {n: p for n, p in made.model.named_parameters() if ".opponent." in n}
    assert rivals
    assert all(p.grad is None for p in rivals.values())
    files = made.save(tmp_path / "saved", "tiny@1")
    assert {f.name for f in (tmp_path / "saved").iterdir()} == set(adapter_files.FILES)
    assert (
        files["adapter_model.safetensors"]
        != adapter_files.checksums(tmp_path / "rival")["adapter_model.safetensors"]
    )
