"""TRL 1.12's PPOTrainer on the model, the prompts and the very reward of a run of Talecraft.

python trl_on_our_reward.py RUN_FOLDER TARGET LEARNING_RATE KL_COEFFICIENT

Leaves a PEFT adapter in TARGET. The reward model is Talecraft's reward, asked about ids; all else
is the trainer's own and by its defaults: LoRA of the run's shape, a value model that begins at the
base, four epochs; but four minibatches an epoch, not one, for there are only twelve updates.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import torch
from datasets import Dataset
from peft import LoraConfig
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer

from benchmarks.our_reward import OurReward
from talecraft.process import run_events

AT_ONCE = 32  # sequences that are drawn together
MINIBATCHES = 4


class Judge(nn.Module):
    """Stands where a reward model would."""

    def __init__(self, reward: OurReward) -> None:
        super().__init__()
        self.reward = reward


class Told(TrainerCallback):  # type: ignore[misc]
    """A line of JSON for each update."""

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "objective/scores" in logs:
            print(json.dumps({"score": logs["objective/scores"], "kl": logs["objective/kl"]}),
                  flush=True)  # fmt: skip


def main(folder: Path, target: Path, rate: float, kl: float) -> None:
    order = run_events.decode_settings((folder / "settings.json").read_bytes())
    reward, ppo = OurReward(folder), order.ppo
    pad = reward.pad
    theirs = ppo_trainer.get_reward

    def get_reward(model: Any, ids: Tensor, pad_id: int, context: int) -> Any:
        if not isinstance(model, Judge):
            return theirs(model, ids, pad_id, context)
        prompts = [[one for one in row if one != pad_id] for row in ids[:, :context].tolist()]
        prompts = [row[: len(row) - len(reward.opening)] for row in prompts]
        written = [[one for one in row if one != pad_id] for row in ids[:, context:].tolist()]
        return None, reward(prompts, written), None

    def truncate(_stop: int, pad_id: int, responses: Tensor) -> Tensor:
        """After a turn's end, which more than one token may be, there is nothing."""
        cut = responses.clone()
        for row in cut:
            row[reward.end_of(row.tolist()) + 1 :] = pad_id
        return cut

    ppo_trainer.get_reward, ppo_trainer.truncate_response = get_reward, truncate
    source = order.model.folder
    tokenizer = PreTrainedTokenizerFast.from_pretrained(source, padding_side="left")
    assert tokenizer.pad_token_id == pad
    asked = [[*one, *reward.opening] for one in reward.prompts]
    assert len(asked) >= ppo.drawn, "a batch is of different prompts"
    with tempfile.TemporaryDirectory() as output:
        trainer = PPOTrainer(
            args=PPOConfig(
                output_dir=output,
                # Accelerate steps once for all that is accumulated, whatever the minibatches.
                per_device_train_batch_size=ppo.drawn,
                gradient_accumulation_steps=1,
                num_mini_batches=MINIBATCHES,
                local_rollout_forward_batch_size=min(AT_ONCE, ppo.drawn),
                total_episodes=ppo.drawn * ppo.updates,
                response_length=ppo.outline_tokens + ppo.prose_tokens,
                learning_rate=rate,
                kl_coef=kl,
                temperature=ppo.temperature,
                # What begins the next turn ends this one.
                stop_token_id=reward.opening[0],
                num_sample_generations=0,
                gradient_checkpointing=False,
                bf16=False,
                use_cpu=True,
                seed=order.seed,
                logging_steps=1,
                report_to=[],
                save_strategy="no",
                disable_tqdm=True,
            ),
            processing_class=tokenizer,
            model=AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32),
            ref_model=None,
            reward_model=Judge(reward),
            value_model=AutoModelForSequenceClassification.from_pretrained(
                source, num_labels=1, dtype=torch.float32
            ),
            train_dataset=Dataset.from_dict({"input_ids": asked}),
            peft_config=LoraConfig(
                r=order.lora_rank, lora_alpha=order.lora_alpha,
                target_modules=order.lora_targets, task_type="CAUSAL_LM",
            ),
            callbacks=[Told()],
        )  # fmt: skip
        trainer.train()
        trainer.accelerator.unwrap_model(trainer.model).policy.save_pretrained(target)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
