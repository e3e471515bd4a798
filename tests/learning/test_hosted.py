"""What TRL's trainers are given, and what they make of it at their first step."""

import math

import msgspec
import numpy as np
import pytest
import torch

from talecraft.learning.critic import Appraiser
from talecraft.learning.grpo import Grpo
from talecraft.learning.hosted import COPY, masked
from talecraft.learning.learner import Bench
from talecraft.learning.opinions import Mark, Pair, Response
from talecraft.learning.policy import Policy, token_logprobs
from talecraft.learning.preference import IGNORED, Offline
from talecraft.learning.rewards.part import Part
from talecraft.learning.rewards.total import Reward
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_events import GrpoSettings, OfflineSettings, PpoSettings
from tests.support.models import codec, tokenizer
from tests.support.small_run import small_base

SETTINGS = PpoSettings(
    updates=2, batch=8, oversample=1, minibatch=4, micro_batch=4, epochs=1, outline_tokens=8,
    prose_tokens=12, rewards={"length": 1.0},
)  # fmt: skip
OFFLINE = OfflineSettings(epochs=1, batch=4)
A, B, C, D = (
    Response((5, 6, *range(first, first + 3 + n)), 3, 5 + n)
    for n, first in enumerate((100, 200, 300, 400))
)


def bench(settings=SETTINGS):
    torch.manual_seed(0)
    policy = Policy(small_base(), 4, 8, "all-linear")
    texts = ("A shy fox", "Two mice build a boat", "The owl is late", "A cold night")
    prompts = [codec().encode(f"<prompt>\n{text}\n") for text in texts]
    reference = [Rollout([1], prose="word " * n) for n in (2, 4, 8)]
    part = Part.each(lambda rollout: -abs(len(rollout.prose) - 40.0))
    reward = Reward(None, {"length": part}, {"length": 1.0}, reference)
    appraise = Appraiser(policy, codec(), reward, 15.0, settings)
    return Bench(policy, codec(), appraise, prompts, settings, 0, 7, lambda: None)


def offline(tmp_path, examples):
    return Offline(bench(), examples, OFFLINE, tokenizer(), tmp_path)


def test_a_batch_is_padded_on_the_right_and_marks_what_is_learned():
    found = masked([[1, 2, 3], [4, 5]], [range(1, 3), range(1, 2)], 9)
    assert found["input_ids"].tolist() == [[1, 2, 3], [4, 5, 9]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert found["completion_mask"].tolist() == [[0, 1, 1], [0, 1, 0]]


def test_pairs_begin_at_the_loss_of_a_policy_that_prefers_nothing(tmp_path):
    """-log sigmoid(0): policy and reference are one, whatever the texts."""
    learner = offline(tmp_path, [Pair(A, B), Pair(C, D)] * 2)
    batch = learner.batch([{"at": 0}, {"at": 1}])
    assert [row[3].item() for row in batch["input_ids"]] == [101, 301, 201, 401]
    step = next(learner.run())
    assert step.policy_loss == pytest.approx(math.log(2), rel=1e-5)
    assert step.kl != 0, "and then it has moved"
    learner.close()
    assert COPY not in learner._policy.model.peft_config


def test_marks_begin_in_the_middle_and_each_prompt_meets_another_passage(tmp_path):
    learner = offline(tmp_path, [Mark(A, True), Mark(B, False), Mark(C, True), Mark(D, False)])
    batch = learner.batch([{"at": at} for at in (0, 1, 2)])
    assert batch["label"].tolist() == [True, False, True]
    crossed = batch["KL_input_ids"]
    assert crossed[1][:3].tolist() == list(B.ids[:3]), "its own beginning"
    assert crossed[1][3:5].tolist() == list(A.ids[3:5]), "the prose of the one before it"
    assert crossed[0][3:7].tolist() == list(C.ids[3:7])
    step = next(learner.run())
    assert step.policy_loss == pytest.approx(0.5, rel=1e-5), "1 - sigmoid(0)"


def test_texts_begin_at_how_surprising_the_root_finds_them(tmp_path):
    learner = offline(tmp_path, [A, B, C, D])
    batch = learner.batch([{"at": 0}])
    assert batch["labels"].tolist() == [[IGNORED] * 3 + [103 - 2, 103 - 1]]
    policy = learner._policy
    head = policy.model.get_base_model().get_output_embeddings()
    lost, count = 0.0, 0
    with torch.no_grad():
        for one in (A, B, C, D):
            states = policy.hidden(torch.tensor([one.ids]))[0, one.start - 1 : one.end - 1]
            found, _ = token_logprobs(states, head, torch.tensor(one.ids[one.start : one.end]))
            lost, count = lost - float(found.sum()), count + len(found)
    step = next(learner.run())
    assert step.policy_loss == pytest.approx(lost / count, rel=1e-4)


def test_what_is_learned_from_becomes_likelier(tmp_path):
    settings = msgspec.structs.replace(SETTINGS, learning_rate=1e-2, kl_target=1e6)
    for examples in ([Pair(A, B)] * 4, [Mark(A, True), Mark(B, False)] * 2, [A] * 4):
        one = bench(settings)
        learner = Offline(one, examples, OfflineSettings(8, 4, 0.1), tokenizer(), tmp_path)
        learner._guards.trip = lambda step: ""

        def likely(policy):
            rows = masked([A.ids, B.ids], [range(3, A.end), range(3, B.end)], 0)
            with torch.no_grad():
                states = policy.hidden(rows["input_ids"])
                head = policy.model.get_base_model().get_output_embeddings()
                return [
                    float(
                        token_logprobs(
                            states[row, r.start - 1 : r.end - 1], head,
                            torch.tensor(r.ids[r.start : r.end]),
                        )[0].sum()
                    )
                    for row, r in enumerate((A, B))
                ]  # fmt: skip

        before = likely(one.policy)
        list(learner.run())
        after = likely(one.policy)
        gained = after[0] - before[0] - (after[1] - before[1])
        assert gained > 1, type(examples[0])


@pytest.mark.parametrize("method", ["grpo", "dr_grpo"])
def test_what_the_program_forced_is_masked_and_groups_are_compared(tmp_path, method):
    one = bench()
    learner = Grpo(one, method, GrpoSettings(generations=4), tokenizer(), tmp_path)
    seen = {}
    scored = learner.trainer._generate_and_score_completions

    def watched(inputs):
        seen.update(scored(inputs))
        return seen

    learner.trainer._generate_and_score_completions = watched
    step = next(learner.run())
    assert step.step == 1
    prompts = [turn.prompt for turn in learner.drawn.turns]
    assert [len(set(prompts[at : at + 4])) for at in (0, 4)] == [1, 1]
    rolled = learner._sampled(1, np.repeat(learner._chosen(1, 2), 4))
    mask = (seen["completion_mask"] * seen["tool_mask"]).sum(1)
    assert int(mask.sum()) != int(seen["completion_mask"].sum()), "something was forced"
    worth = torch.tensor([turn.total for turn in learner.drawn.turns]).reshape(2, 4)
    advantages = worth - worth.mean(1, keepdim=True)
    if method == "grpo":
        advantages = advantages / (worth.std(1, keepdim=True) + 1e-4)
    torch.testing.assert_close(seen["advantages"], advantages.reshape(-1), rtol=1e-4, atol=1e-5)
    assert len(rolled) == 8


def test_a_policy_that_has_gone_astray_is_not_taught_and_put_back(tmp_path):
    one = bench()
    learner = Grpo(one, "dr_grpo", GrpoSettings(generations=4), tokenizer(), tmp_path)
    steps = learner.run()
    before = one.policy.snapshot()
    next(steps)
    learner._guards._most_kl = -1e9
    last = list(steps)
    assert [step.step for step in last] == [2]
    assert "nats" in last[0].note
    assert learner.updates == 0
    assert all(torch.equal(was, one.policy.lora[name]) for name, was in before.items())
