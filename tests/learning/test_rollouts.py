"""Batched rollouts write as the page does, and batching never changes what a sequence becomes."""

import pytest

from talecraft.engine.decoding import Writer
from talecraft.engine.session import Session
from talecraft.learning.rollouts import sample
from talecraft.story.turns import Sampling
from tests.support.models import codec, shared_base

TEXTS = ("A shy fox learns to share", "Owl", "Two mice build a boat out of a walnut shell and sail")
PRACTICE = Sampling(temperature=1.0, top_p=1.0, outline_tokens=24, prose_tokens=40)


def prompts():
    return [codec().encode(f"<prompt>\n{text}\n") for text in TEXTS]


def draw(chosen, seeds, sampling=PRACTICE, batch=32):
    return sample(shared_base(), codec(), chosen, sampling, seeds, pad=0, batch=batch)


def test_a_sequence_does_not_depend_on_its_company():
    seeds = [(1, i) for i in range(3)]
    together = draw(prompts(), seeds)
    alone = [draw([p], [s])[0] for p, s in zip(prompts(), seeds, strict=True)]
    singly = draw(prompts(), seeds, batch=1)
    assert [r.response_ids for r in together] == [r.response_ids for r in alone]
    assert [r.response_ids for r in singly] == [r.response_ids for r in alone]


def test_order_is_kept_though_lengths_are_sorted():
    together = draw(prompts(), [(1, i) for i in range(3)])
    assert [r.prompt_ids for r in together] == prompts()


def test_the_pattern_is_the_pages():
    made = codec()
    for rollout in draw(prompts() * 3, [(2, i) for i in range(9)]):
        text = made.decode(rollout.response_ids)
        assert text.startswith("<think>\n" + rollout.outline)
        assert text.count("<story>") >= 1
        assert len(rollout.forced) == len(rollout.response_ids)
        prose = made.decode(rollout.response_ids[rollout.prose_start : rollout.prose_end])
        assert prose == rollout.prose
        assert rollout.prose_end - rollout.prose_start <= PRACTICE.prose_tokens
        opening = len(made.encode("<think>\n"))
        sampled = [not f for f in rollout.forced[opening : rollout.prose_start]]
        assert sum(sampled) <= PRACTICE.outline_tokens + 1
        if rollout.stop_reason == "end":
            assert rollout.prose_end == len(rollout.response_ids) - 1


def test_greedy_rollouts_are_what_the_page_writes():
    """Near zero temperature both loops must choose the likeliest tokens, the program's own tags
    at the same places."""
    cold = Sampling(temperature=1e-4, top_p=1.0, outline_tokens=12, prose_tokens=30)
    rollout = draw(prompts()[:1], [(3, 0)], cold)[0]
    session = Session(shared_base(), "cpu")
    logits = session.read(prompts()[0], lambda: False, lambda *_: None)
    greedy = Sampling(temperature=0, outline_tokens=12, prose_tokens=30)
    response = Writer(session, codec(), greedy, lambda piece: None).write(logits, lambda: False)
    shared = min(len(rollout.response_ids), len(response.ids))
    assert rollout.response_ids[:shared] == response.ids[:shared]
    assert rollout.forced[:shared] == response.forced[:shared]


def test_a_raised_alarm_ends_the_sampling():
    calls = []

    def alive():
        calls.append(1)
        if len(calls) == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sample(
            shared_base(), codec(), prompts(), PRACTICE, [(1, i) for i in range(3)], 0, alive=alive
        )
