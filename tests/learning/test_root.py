"""A run that begins at a pattern adapter: held to it, and whole without it."""

import json
from pathlib import Path

import pytest
import torch

from talecraft.engine import loading
from talecraft.errors import AdapterError
from talecraft.learning.policy import ADAPTER, Policy
from talecraft.process import adapter_files, run_client
from talecraft.process.messages import AdapterRef
from talecraft.process.run_events import Outcome, Step
from tests.learning.test_policy import batch, nudge, nudged, step
from tests.support import small_run
from tests.support.models import tiny_llama

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11]])


class Shape:
    """What `for_run` reads of an order; a root's own shape counts."""

    lora_rank, lora_alpha, lora_targets = 2, 2, "all-linear"


@pytest.fixture
def root(tmp_path) -> Path:
    """A saved adapter that does something."""
    nudged().save(tmp_path / "root", "m@r")
    return tmp_path / "root"


def rooted(root: Path) -> Policy:
    return Policy.for_run(tiny_llama(), Shape(), root)


def test_a_policy_begins_at_the_root_to_the_last_bit(root):
    made = rooted(root)
    assert made.model.peft_config[ADAPTER].r == 4, "of the root's shape, whatever is asked now"
    with torch.no_grad():
        bare = tiny_llama()(IDS).logits
        now = made.judge(batch(), entropy=True)
        with made.reference():
            then = made.judge(batch(), entropy=True)
            assert not torch.equal(made.model(IDS).logits, bare), "the root is not the bare base"
        assert torch.equal(now.logprobs, then.logprobs), "KL is nought to the last bit"
        assert torch.equal(made.model(IDS).logits, nudged().model(IDS).logits)


def test_training_moves_the_policy_and_not_the_root(root):
    made = rooted(root)
    with torch.no_grad(), made.reference():
        before = made.judge(batch()).logprobs
        states = made.hidden(IDS)
    step(made)
    with torch.no_grad():
        with made.reference():
            assert torch.equal(made.judge(batch()).logprobs, before)
            assert torch.equal(made.hidden(IDS), states)
        assert not torch.equal(made.judge(batch()).logprobs, before)
    assert len(made.lora) == len(nudged().lora), "the root's weights are not the optimiser's"
    assert not any("root" in name for name in made.lora)


def test_the_root_speaks_also_where_the_policy_is_folded(root):
    made = rooted(root)
    with torch.no_grad(), made.reference():
        apart = made.model(IDS).logits
    step(made)
    with torch.no_grad(), made.folded(), made.reference():
        torch.testing.assert_close(made.model(IDS).logits, apart, rtol=1e-4, atol=1e-5)


def test_to_merge_nothing_is_to_merge_the_root(root):
    made = rooted(root)
    before = {name: p.clone() for name, p in made.model.named_parameters()}
    step(made)
    moved = made.snapshot()
    with torch.no_grad():
        with made.reference():
            meant = made.model(IDS).logits
        with made.merged(None) as model:
            torch.testing.assert_close(model(IDS).logits, meant, rtol=1e-4, atol=1e-5)
        with made.merged() as model:
            assert not torch.allclose(model(IDS).logits, meant, atol=1e-3)
    for name, parameter in made.model.named_parameters():
        assert torch.equal(parameter, moved.get(name, before[name])), name


def test_an_adapter_that_began_at_a_root_is_whole_without_it(root, tmp_path):
    made = rooted(root)
    step(made)
    files = made.save(tmp_path / "candidate", "m@r")
    assert set(files) == set(adapter_files.FILES)
    ref = AdapterRef("c", str(tmp_path / "candidate"), files, "m@r")
    alone = loading.attach(tiny_llama(), ref, Shape2())
    with torch.no_grad():
        torch.testing.assert_close(alone(IDS).logits, made.model(IDS).logits, rtol=0, atol=0)


class Shape2:
    key, id = "m@r", "m"


def test_an_opponent_of_other_layers_stands_beside_a_policy(root, tmp_path):
    """The layers of the model's entry may have been others when it was made."""
    torch.manual_seed(0)
    narrow = nudge(Policy(tiny_llama(), 2, 4, ["q_proj"]))
    narrow.save(tmp_path / "narrow", "m@r")
    torch.manual_seed(0)
    policy = Policy(tiny_llama(), 4, 8, ["v_proj"])
    policy.load(tmp_path / "narrow", "opponent")
    nudge(policy)
    with torch.no_grad():
        mine = policy.model(IDS).logits
        torch.testing.assert_close(policy.hidden(IDS), _hidden(policy), rtol=1e-4, atol=1e-5)
        with policy.merged("opponent") as model:
            torch.testing.assert_close(
                model(IDS).logits, narrow.model(IDS).logits, rtol=1e-4, atol=1e-5
            )
        assert torch.equal(policy.model(IDS).logits, mine)


def _hidden(policy: Policy) -> torch.Tensor:
    return policy.model(IDS, output_hidden_states=True).hidden_states[-1]


def test_a_root_of_another_model_is_refused(root):
    weights = json.loads((root / "adapter_config.json").read_text())
    weights["target_modules"] = ["c_attn"]
    (root / "adapter_config.json").write_text(json.dumps(weights))
    with pytest.raises((AdapterError, ValueError)):
        rooted(root)


# ---------------------------------------------------------------------- a whole run
@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run from a root that is also what writes now: its model, root, folder."""
    place = tmp_path_factory.mktemp("rooted")
    model = small_run.small_model(place / "model")
    base, _ = loading.load_base(model)
    torch.manual_seed(5)
    made = nudge(Policy(base, 4, 8, "all-linear"))
    files = made.save(place / "root", model.key)
    root = AdapterRef(adapter_files.content_id(files), str(place / "root"), files, model.key)
    folder = small_run.order(place / "run", model, root, root=root)
    with small_run.serving(place / "server", model) as runner:
        runner.run(folder)
    return model, root, folder


def test_a_run_from_a_root_is_measured_from_it(trained):
    _, root, folder = trained
    events = small_run.events(folder)
    outcome = events[-1]
    assert isinstance(outcome, Outcome), (folder / run_client.LOG).read_text()[-2000:]
    assert outcome.state in ("adopted", "rejected"), outcome.words
    first, *later = [event for event in events if isinstance(event, Step)]
    assert first.kl == 0.0, "the first update begins at the root itself"
    assert later[-1].kl > 0.0
    assert outcome.adapter_id != root.id


def test_what_a_run_from_a_root_has_made_loads_alone(trained):
    model, root, folder = trained
    base, _ = loading.load_base(model)
    with torch.no_grad():
        bare = base(IDS).logits
        candidate = loading.attach(base, small_run.candidate(folder, model), model)
        made = candidate(IDS).logits
        base, _ = loading.load_base(model)
        began = loading.attach(base, root, model)(IDS).logits
    moved, whole = (made - began).norm(), (made - bare).norm()
    assert 0 < moved < whole, "it is nearer to its root than to the bare model"
