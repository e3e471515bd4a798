"""The steps of learning the prompt / think / story pattern, by TRL's SFTTrainer.

Only the order of the sequences, the checkpoint and the voice are ours; the loss and the step are
the trainer's. Everything that decides a step is in the order of the run and its last checkpoint,
so that a run which was killed ends at the adapter it would have ended at, byte for byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from talecraft.errors import EngineError
from talecraft.learning import checkpoint
from talecraft.learning.checkpoint import pack, pack_optimiser, unpack, unpack_optimiser
from talecraft.learning.events import Events
from talecraft.learning.hosted import Pace, common, engage, quiet
from talecraft.learning.material import Lessons
from talecraft.learning.policy import ADAPTER, Policy
from talecraft.learning.scribe import Lesson
from talecraft.process.run_events import PatternStep, RunSettings

IGNORED = -100  # a label that no loss is computed for
MOST_TOLD = 200  # steps that a run tells of; of a longer one every so many
MEASURED = 10  # times that the held-out loss is looked at on the way
SAVING_SHARE = 0.05  # of the time: the larger the adapter, the rarer the checkpoint


class Course:
    """How far the training has come: optimiser and rate, what is told and what is kept of it."""

    def __init__(
        self,
        policy: Policy,
        lessons: Lessons,
        settings: RunSettings,
        events: Events,
        folder: Path,
    ) -> None:
        self.policy, self.lessons, self.events = policy, lessons, events
        self.settings = settings.pattern
        self.seed = settings.seed
        self.done = 0
        self.measure: Callable[[], float] = lambda: 0.0
        self.lost = 0.0  # in the step that is being taken, as it is told
        self.pace = Pace(policy, events.alive, self.stepped)
        self._folder = folder
        self._held_out = 0.0
        self._losses: list[float] = []
        self._saved, self._saving = -math.inf, 0.0
        self._began = 0.0, 0
        self.optimiser = torch.optim.AdamW(
            policy.lora.values(), lr=self.settings.learning_rate, weight_decay=0.0
        )
        warm = max(1, round(self.settings.warmup * lessons.steps))

        def rate(step: int) -> float:
            rest = (lessons.steps - step) / max(1, lessons.steps - warm)
            return min((step + 1) / warm, max(0.0, rest))

        self.schedule: Any = torch.optim.lr_scheduler.LambdaLR(self.optimiser, rate)

    def resume(self) -> None:
        """Go on from the checkpoint, where there is one."""
        if (saved := checkpoint.load(self._folder)) is None:
            return
        tensors, facts = saved
        device = self.policy.model.device
        tensors = {name: one.to(device) for name, one in tensors.items()}
        self.policy.restore(unpack("lora", tensors))
        unpack_optimiser(self.optimiser, unpack("adam", tensors), facts["groups"])
        self.schedule.load_state_dict(facts["schedule"])
        self.done, self._held_out = facts["step"], facts["held_out"]
        self._losses = facts["losses"]
        self.events.elapsed = facts["seconds"]

    def began(self) -> None:
        if not self.done:
            self._held_out = self.measure()
        self._began = self.events.clock(), self.done

    def stepped(self, logs: dict[str, float]) -> None:
        """A step was taken: tell of it, keep it. Raises EngineError where its loss is no number."""
        loss, self.lost = self.lost, 0.0
        self.done += 1
        if not (math.isfinite(loss) and math.isfinite(logs["loss"])):
            raise EngineError(
                "The numbers stopped being finite; nothing was changed.",
                "Choose a lower learning rate for this model in models.toml.",
            )
        self._losses.append(loss)
        total = self.lessons.steps
        last = self.done == total
        if self.done % max(1, total // MEASURED) == 0 or last:
            self._held_out = self.measure()
        if self.done % max(1, total // MOST_TOLD) == 0 or last:
            self._tell()
            self._keep(last)

    def _tell(self) -> None:
        since, first = self._began
        each = (self.events.clock() - since) / max(1, self.done - first)
        self.events.send(
            PatternStep(
                step=self.done,
                total=self.lessons.steps,
                loss=sum(self._losses) / len(self._losses),
                held_out=self._held_out,
                rate=float(self.schedule.get_last_lr()[0]),
                one_shot=self.lessons.one_shot_share(self.done),
                seconds=each,
                eta=each * (self.lessons.steps - self.done),
            )
        )
        self._losses = []

    def _keep(self, last: bool) -> None:
        """Put the state in place of the last one, unless that would take too much of the time."""
        now = self.events.clock()
        if not last and now - self._saved < self._saving / SAVING_SHARE:
            return
        moments, groups = pack_optimiser(self.optimiser)
        facts = {
            "step": self.done,
            "held_out": self._held_out,
            "losses": self._losses,
            "groups": groups,
            "schedule": self.schedule.state_dict(),
            "seconds": self.events.elapsed,
        }
        tensors = {**pack("lora", dict(self.policy.lora)), **pack("adam", moments)}
        checkpoint.save(self._folder, tensors, facts)
        self._saved = self.events.clock()
        self._saving = self._saved - now


def collate(
    lessons: Sequence[Lesson], pad: int, plan_weight: float = 1.0, end_weight: float = 1.0
) -> dict[str, Tensor]:
    """Sequences as one batch (B, L), padded on the right: ids, labels and the weights of these.

    Right padding needs no attention mask: nothing attends forward.
    """
    longest = max(len(one.ids) for one in lessons)
    ids = torch.full((len(lessons), longest), pad)
    labels = torch.full((len(lessons), longest), IGNORED)
    weights = torch.ones((len(lessons), longest))
    for row, one in enumerate(lessons):
        here = torch.tensor(one.ids)
        ids[row, : len(here)] = here
        labels[row, : len(here)] = torch.where(torch.tensor(one.learned), here, IGNORED)
        weights[row, : len(here)][torch.tensor(one.planning)] = plan_weight
        weights[row, : len(here)][torch.tensor(one.ending)] = end_weight
    return {"input_ids": ids, "labels": labels, "weights": weights}


def train(policy: Policy, tokenizer: Any, pad: int, course: Course, folder: Path) -> None:
    """The steps that are still to be taken, by TRL. Raises Cancelled when asked to stop."""
    quiet(folder)
    from trl import SFTConfig, SFTTrainer

    settings, lessons = course.settings, course.lessons

    class Weighted(SFTTrainer):  # type: ignore[misc]
        """The page writes at less than full temperature and cuts off what is rare: what ends a turn
        with a chance of a tenth after any sentence would be drawn far more rarely than it was
        learned, and turns would not end. So the tags weigh more. What is told is the loss
        without that."""

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Tensor:
            weights = inputs.pop("weights")[:, 1:]
            lost = -model(**inputs, use_cache=False, fused_lm_head=True).log_probs
            # The count is of all micro-batches of the step, so that their losses add up to its own.
            course.lost += float(lost.detach().sum() / num_items_in_batch)
            loss: Tensor = (lost * weights).sum() / num_items_in_batch
            return loss

    assert settings.batch % settings.micro_batch == 0, "a step is of whole micro-batches"
    first = course.done * settings.batch
    config = SFTConfig(
        **common(policy.model, folder, course.seed),
        max_steps=lessons.steps - course.done,
        per_device_train_batch_size=settings.micro_batch,
        gradient_accumulation_steps=settings.batch // settings.micro_batch,
        max_grad_norm=settings.max_grad_norm,
        train_sampling_strategy="sequential",
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
    )
    trainer = engage(
        course.pace, Weighted, policy.model, config, tokenizer,
        (course.optimiser, course.schedule), {"at": list(range(first, len(lessons)))},
        data_collator=lambda rows: collate(
            [lessons[row["at"]] for row in rows], pad, settings.plan_weight, settings.tag_weight
        ),
    )  # fmt: skip
    for parameter in policy.lora.values():  # of quantised models the trainer has coarsened them
        parameter.data = parameter.data.float()
    course.began()
    with course.pace.still:
        trainer.train()
    policy.model.eval()
    policy.model.set_adapter(ADAPTER)
