"""Talecraft's own update: the Policy, Ppo, Appraiser and Reward of a training run.

python talecraft_ppo.py MODEL_FOLDER
"""

from __future__ import annotations

import sys

import numpy as np
import setting
import torch
from transformers import PreTrainedTokenizerFast

from talecraft.config.assets import reference
from talecraft.engine import loading
from talecraft.engine.codec import Codec
from talecraft.learning import features, rollouts
from talecraft.learning.critic import Appraiser, usual_length
from talecraft.learning.encoders import BaseEncoder
from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.learner import Bench, practice_sampling
from talecraft.learning.policy import Policy
from talecraft.learning.ppo import Ppo
from talecraft.learning.rewards import registry
from talecraft.learning.rewards.part import Ground
from talecraft.learning.rewards.total import Reward
from talecraft.learning.taste import Ensemble
from talecraft.process.messages import ModelRef
from talecraft.process.run_events import PpoSettings
from talecraft.story.context import PromptStyle
from talecraft.story.idf import Idf

SCORES = 40
PLAN = 14
SETTINGS = PpoSettings(
    updates=setting.UPDATES,
    batch=setting.BATCH,
    minibatch=setting.BATCH,
    epochs=setting.EPOCHS,
    learning_rate=setting.LEARNING_RATE,
    temperature=1.0,
    outline_tokens=PLAN,
    prose_tokens=setting.RESPONSE - PLAN - 2,  # the tags of plan and prose are tokens too
    kl_target=1e9,
    approx_kl_stop=1e9,  # every update takes all its epochs
)
# No stop tag and no end id: every response is as long as the peers'.
STYLE = PromptStyle(think_open="<think>", story_open="<story>", stops=())


def main(folder: str) -> None:
    loading.settle_in()
    torch.manual_seed(0)
    model = ModelRef("gpt2-small", "random", folder, "none", 512, STYLE)
    base, _ = loading.load_base(model)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    codec = Codec(tokenizer, STYLE, set())
    policy = Policy(base, setting.RANK, setting.ALPHA, setting.TARGETS)
    asked = setting.prompts()
    with policy.merged(None) as root:
        seeds = [(0, 0, i) for i in range(SCORES)]
        sampled = rollouts.sample(
            root, codec, asked[:SCORES], practice_sampling(SETTINGS), seeds, setting.PAD
        )
    with policy.reference():
        found = features.extract(policy.model, features.passages(sampled), setting.PAD)
    # A writer who likes what holds more of the first half of the words.
    liked = [np.mean(np.array(one.response_ids) < setting.VOCABULARY // 2) for one in sampled]
    stars = 1 + np.argsort(np.argsort(liked)) * 5 // SCORES
    stories = np.arange(SCORES) // 4
    scored = Scored(
        found,
        torch.tensor(stars),
        torch.ones(SCORES, dtype=torch.float64),
        stories,
        stories,
        Pairs.none(),
    )
    ensemble = Ensemble(scored, 300.0, SETTINGS.ensemble, SETTINGS.pessimism, 0)
    encoder = BaseEncoder(policy.model.get_base_model(), codec)
    ground = Ground(sampled, reference("passage"), Idf(1, {}), encoder)
    parts = registry.build(SETTINGS.rewards, ground)
    reward = Reward(ensemble, parts, SETTINGS.rewards, sampled, found)
    appraise = Appraiser(policy, codec, reward, usual_length(sampled), SETTINGS)
    ppo = Ppo(Bench(policy, codec, appraise, asked, SETTINGS, setting.PAD, 0, lambda: None))
    ppo.begin(sampled)
    clock = setting.Clock()
    for _ in ppo.run():
        clock.lap()
    if ppo.updates != setting.UPDATES:
        raise RuntimeError(f"the benchmark's run ended early: {ppo.stopped}")


if __name__ == "__main__":
    main(sys.argv[1])
