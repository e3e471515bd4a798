"""Only what follows the common prefix is computed: on a retry, an edit, another version."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, MistralConfig, MistralForCausalLM

from talecraft.engine.session import CHUNK, Session
from tests.support.models import tiny_llama

VOCABULARY = 97


def gpt2():
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=1024, bos_token_id=1,
        eos_token_id=1,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval()


def mistral(window):
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=1024,
        sliding_window=window, pad_token_id=0, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    return MistralForCausalLM(config).eval()


MODELS = {
    "llama": tiny_llama,
    "gpt2": gpt2,
    "mistral": lambda: mistral(None),
    "mistral, window of 16": lambda: mistral(16),
    "mistral, window of 300": lambda: mistral(300),
}


class Counted:
    """A model that counts the tokens it is given."""

    def __init__(self, model):
        self._model, self.config, self.tokens = model, model.config, 0

    def __call__(self, input_ids, **rest):
        self.tokens += input_ids.shape[1]
        return self._model(input_ids=input_ids, **rest)


def ids(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, VOCABULARY, (count,), generator=generator).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_only_what_follows_the_common_prefix_is_computed(name):
    made = MODELS[name]()
    model = Counted(made)
    session = Session(model, "cpu")

    def read(prompt):
        """The logits after `prompt`, the same as afresh, and how many tokens they took."""
        before = model.tokens
        logits = session.read(prompt, lambda: False, lambda done, total: None)
        took = model.tokens - before
        fresh = Session(made, "cpu").read(prompt, lambda: False, lambda done, total: None)
        torch.testing.assert_close(logits, fresh, rtol=1e-4, atol=1e-4)
        return took

    premise, first, second = ids(20, 1), ids(150, 2), ids(90, 3)
    story = premise + first
    assert read(story) == len(story)
    for token in ids(40, 4):  # a turn is written
        session.feed([token])
    assert read(story) == 1, "a retry: the last token's logits are the answer"
    for token in second:
        session.feed([token])
    words = ids(12, 5)
    assert read(story + second + words) == 12, "the writer's words after a turn"
    edited = [*second[:-7], *ids(9, 6)]
    assert edited[len(second) - 7] != second[-7]
    assert read(story + edited + words) == 9 + 12, "an edit near the end"
    other = ids(80, 7)
    assert other[0] != edited[0]
    assert read(story + other) == 80, "another version"
    assert read(story + edited + words) == len(edited) + 12, "and back"
    assert read([*premise, *first[:100]]) == 1, "an earlier passage once more"
    assert read(premise + ids(CHUNK * 2 + 3, 8)) == CHUNK * 2 + 3
