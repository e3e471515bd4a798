"""TRL 1.12's PPOTrainer as its documentation sets it up: four models, the reward one of them.

python trl_1_12.py MODEL_FOLDER [lora]
"""

from __future__ import annotations

import os
import sys
import tempfile

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import setting
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
    TrainerCallback,
)
from trl.experimental.ppo import PPOConfig, PPOTrainer


class Lap(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.clock = setting.Clock()

    def on_train_begin(self, *_: object, **__: object) -> None:
        self.clock = setting.Clock()

    def on_step_end(self, *_: object, **__: object) -> None:
        self.clock.lap()


def main(folder: str, lora: bool) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    judge = {"num_labels": 1}
    peft_config = None
    if lora:
        from peft import LoraConfig

        peft_config = LoraConfig(
            r=setting.RANK, lora_alpha=setting.ALPHA, target_modules=setting.TARGETS,
            fan_in_fan_out=True, task_type="CAUSAL_LM",
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as output:
        trainer = PPOTrainer(
            args=PPOConfig(
                output_dir=output,
                per_device_train_batch_size=setting.BATCH,
                gradient_accumulation_steps=1,
                num_mini_batches=1,
                num_ppo_epochs=setting.EPOCHS,
                local_rollout_forward_batch_size=setting.BATCH,
                total_episodes=setting.BATCH * setting.UPDATES,
                response_length=setting.RESPONSE,
                learning_rate=setting.LEARNING_RATE,
                temperature=1.0,
                num_sample_generations=0,
                # Its defaults save memory on a GPU and cost time here.
                gradient_checkpointing=False,
                bf16=False,
                use_cpu=True,
                report_to=[],
                save_strategy="no",
                disable_tqdm=True,
            ),
            processing_class=tokenizer,
            model=AutoModelForCausalLM.from_pretrained(folder),
            ref_model=None if lora else AutoModelForCausalLM.from_pretrained(folder),
            reward_model=AutoModelForSequenceClassification.from_pretrained(folder, **judge),
            value_model=AutoModelForSequenceClassification.from_pretrained(folder, **judge),
            train_dataset=Dataset.from_dict({"input_ids": setting.prompts()}),
            peft_config=peft_config,
            callbacks=[Lap()],
        )
        trainer.train()


if __name__ == "__main__":
    main(sys.argv[1], "lora" in sys.argv[2:])
