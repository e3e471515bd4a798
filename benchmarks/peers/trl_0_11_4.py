"""trl 0.11.4's step(): one LoRA trunk with a value head, the adapter switched off as reference.

python trl_0_11_4.py MODEL_FOLDER [rows of a forward and backward at a time]
"""

from __future__ import annotations

import sys

import setting
import torch
from peft import LoraConfig
from transformers import PreTrainedTokenizerFast
from trl import AutoModelForCausalLMWithValueHead, PPOConfig, PPOTrainer


def main(folder: str, together: int) -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = AutoModelForCausalLMWithValueHead.from_pretrained(
        folder,
        peft_config=LoraConfig(
            r=setting.RANK, lora_alpha=setting.ALPHA, target_modules=setting.TARGETS,
            fan_in_fan_out=True, task_type="CAUSAL_LM",
        ),
    )  # fmt: skip
    trainer = PPOTrainer(
        PPOConfig(
            batch_size=setting.BATCH,
            mini_batch_size=together,
            gradient_accumulation_steps=setting.BATCH // together,
            ppo_epochs=setting.EPOCHS,
            learning_rate=setting.LEARNING_RATE,
            seed=0,
        ),
        model,
        None,
        tokenizer,
    )
    asked = [torch.tensor(ids) for ids in setting.prompts()]
    clock = setting.Clock()
    for update in range(setting.UPDATES):
        queries = asked[update * setting.BATCH : (update + 1) * setting.BATCH]
        responses = trainer.generate(
            queries,
            batch_size=setting.BATCH,
            return_prompt=False,
            min_new_tokens=setting.RESPONSE,
            max_new_tokens=setting.RESPONSE,
            do_sample=True,
            top_k=0,
            top_p=1.0,
            pad_token_id=setting.PAD,
        )
        scores = [(one < setting.VOCABULARY // 2).float().mean() for one in responses]
        trainer.step(queries, responses, scores)
        clock.lap()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else setting.BATCH)
