"""A reward model: another LoRA adapter on the policy's own base, trained by TRL's RewardTrainer.

It is shaped like a sequence classifier: a linear score of the last hidden state where a passage's
prose ends, after the same prompt and plan that the taste head reads. Policy, root and value head
stay what they are. As every token has a state, one reading also says what the prose was worth up to
each of them, which is what the critic is told.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from talecraft.errors import EngineError
from talecraft.learning.features import Passage
from talecraft.learning.hosted import Pace, common, engage, quiet
from talecraft.learning.labels import Scored
from talecraft.learning.learner import LAST_RATE
from talecraft.learning.pairing import Company, lay_out
from talecraft.learning.policy import Policy
from talecraft.process.run_events import PpoSettings, RewardModelSettings

ADAPTER = "reward"
SCORE = "score"
Weights = Mapping[str, Tensor]


class RewardModel:
    """One place on the base for all reward models of a run: their weights are laid in.

    `folder` is for the trainer's caches; `alive` is called often, and may wait, or raise to stop.
    """

    alive: Callable[[], None]

    def __init__(
        self,
        policy: Policy,
        tokenizer: Any,
        pad: int,
        settings: RewardModelSettings,
        ppo: PpoSettings,
        folder: Path,
        alive: Callable[[], None],
    ) -> None:
        self._policy, self._tokenizer, self._pad = policy, tokenizer, pad
        self._settings, self._ppo, self._folder, self.alive = settings, ppo, folder, alive
        with torch.random.fork_rng():  # what the run draws later must not depend on this
            self._lora = policy.add(ADAPTER, settings.rank)
        hidden = policy.model.config.get_text_config().hidden_size
        self._score = nn.Linear(
            hidden, 1, bias=False, dtype=torch.float32, device=policy.model.device
        )

    def close(self) -> None:
        """Take it off the base again."""
        self._policy.drop(ADAPTER)

    # ------------------------------------------------------------------ learning
    @property
    def folds(self) -> int:
        return self._settings.folds

    def calls(self, said: Scored, seed: int) -> int:
        """How often `fit` calls `alive`."""
        return len(self._laid_out(said, seed))

    def fit(self, passages: Sequence[Passage], said: Scored, seed: int) -> Weights:
        """Weights learned from what was `said` (N) of these `passages` (N): the same from the same,
        whatever was fitted before.

        Raises EngineError where the numbers stop being finite.
        """
        companies = self._laid_out(said, seed)
        self._begin(seed)
        if companies:
            with torch.random.fork_rng(), self._policy.speaking(ADAPTER):
                try:
                    self._train(passages, companies, seed)
                finally:
                    self._policy.model.eval()
        found = {name: one.detach().cpu().clone() for name, one in self._parameters().items()}
        if not all(bool(one.isfinite().all()) for one in found.values()):
            raise EngineError(
                "The reward model's numbers stopped being finite; nothing was changed.",
                'Choose a lower learning rate, or `taste_model = "head"`.',
            )
        return found

    def _laid_out(self, said: Scored, seed: int) -> list[Company]:
        """Whole steps of companies: the last is filled up from the beginning."""
        companies = lay_out(said, self._company, self._settings, seed)
        missing = -len(companies) % self._at_once
        return companies + (companies * self._at_once)[:missing]

    @property
    def _company(self) -> int:
        """Passages that are read together."""
        return max(2, min(self._settings.batch, self._ppo.micro_batch))

    @property
    def _at_once(self) -> int:
        """Companies of one step."""
        return max(1, self._settings.batch // self._company)

    def _parameters(self) -> dict[str, Tensor]:
        return {**self._lora, SCORE: self._score.weight}

    @torch.no_grad()
    def _begin(self, seed: int) -> None:
        """As what has learned nothing: B and the score are 0, A is drawn as peft draws it."""
        random = torch.Generator().manual_seed(seed)
        for name, parameter in self._lora.items():
            if "lora_A" in name:
                drawn = torch.empty(parameter.shape)
                nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=random)
                parameter.copy_(drawn)
            else:
                parameter.zero_()
        self._score.weight.zero_()

    def _train(self, passages: Sequence[Passage], companies: Sequence[Company], seed: int) -> None:
        quiet(self._folder)
        import trl

        steps = len(companies) // self._at_once
        rate = self._settings.learning_rate * self._ppo.learning_rate
        optimiser = torch.optim.Adam(self._parameters().values(), lr=rate, eps=self._ppo.adam_eps)
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, LAST_RATE, total_iters=steps)
        scorer = _Scorer(self._policy, self._score)
        arguments = trl.RewardConfig(
            **common(self._policy.model, self._folder, seed),
            max_steps=steps,
            per_device_train_batch_size=1,  # a company
            gradient_accumulation_steps=self._at_once,
            max_grad_norm=self._settings.max_grad_norm,
            train_sampling_strategy="sequential",
            max_length=None,
        )
        # The data are numbers of companies, laid out already: ids that the model read and wrote.
        ours = type(
            "Ours", (trl.RewardTrainer,), {"_prepare_dataset": lambda self, dataset, *_: dataset}
        )

        def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
            (row,) = rows
            return together(passages, companies[row["at"]], self._pad)

        pace = Pace(self._policy, self.alive, lambda _: None)
        trainer = engage(
            pace, ours, scorer, arguments, self._tokenizer, (optimiser, schedule),
            {"at": list(range(len(companies)))}, data_collator=collate,
        )  # fmt: skip
        with pace.still:
            trainer.train()

    # ------------------------------------------------------------------ judging
    @torch.no_grad()
    def along(self, weights: Weights, passages: Sequence[Passage]) -> list[Tensor]:
        """What these `weights` say of each passage's prose up to each of its tokens, (P, 1) in
        float64; of an empty one what stands before it is worth, (1, 1)."""
        for name, parameter in self._parameters().items():
            parameter.copy_(weights[name])
        found: list[Tensor] = [torch.zeros(1, 1, dtype=torch.float64)] * len(passages)
        ends = [len(one.prompt) + one.end for one in passages]
        order = sorted(range(len(passages)), key=ends.__getitem__)
        size = max(2, self._ppo.micro_batch)
        with self._policy.speaking(ADAPTER), self._policy.folded():
            for at in range(0, len(order), size):
                self.alive()
                chosen = order[at : at + size]
                states = self._policy.hidden(
                    _ids([passages[i] for i in chosen], self._pad).to(self._policy.model.device)
                )
                for row, i in enumerate(chosen):
                    begin = ends[i] - max(1, passages[i].end - passages[i].start)
                    scores = self._score(states[row, begin : ends[i]].float())
                    found[i] = scores.double().cpu()
        return found


class Judge:
    """A reward model as a taste: of its own scores, in the place of features."""

    def __init__(self, model: RewardModel, weights: Weights) -> None:
        self._model, self.weights = model, weights

    def along(self, passages: Sequence[Passage]) -> list[Tensor]:
        return self._model.along(self.weights, passages)

    def taste(self, found: Tensor) -> Tensor:
        scores: Tensor = found[:, 0]
        return scores


class _Scorer(nn.Module):
    """What RewardTrainer takes for a sequence classifier: each passage is read once, and its score
    stands wherever a pair has it."""

    def __init__(self, policy: Policy, linear: nn.Module) -> None:
        super().__init__()
        self._policy, self._score = policy, linear
        self.config = copy.deepcopy(policy.model.config)  # the trainer writes into it
        self.config.num_labels = 1

    def forward(
        self,
        input_ids: Tensor,
        last: Tensor,
        better: Tensor,
        worse: Tensor,
        **_: Any,
    ) -> Any:
        """`logits` (2P, 1): of the better passages of all pairs, then of the others."""
        from transformers.modeling_outputs import SequenceClassifierOutput

        states = self._policy.hidden(input_ids)
        rows = torch.arange(len(last), device=states.device)
        scores = self._score(states[rows, last].float())
        return SequenceClassifierOutput(logits=scores[torch.cat([better, worse])])

    def gradient_checkpointing_enable(self, **how: Any) -> None:
        self._policy.model.get_base_model().gradient_checkpointing_enable(**how)

    def add_model_tags(self, tags: object) -> None:
        """It is nobody's model on a hub."""


def together(passages: Sequence[Passage], company: Company, pad: int) -> dict[str, Tensor]:
    """A company as RewardTrainer's batch: `input_ids` and `attention_mask` (U, L), where each one's
    `last` token of prose is (U,), and pairs (P,) with their `margin`."""
    read = [passages[row] for row in company.rows]
    ids = _ids(read, pad)
    last = torch.tensor([len(one.prompt) + one.end - 1 for one in read])
    return {
        "input_ids": ids,
        "attention_mask": (torch.arange(ids.shape[1]) <= last[:, None]).long(),
        "last": last,
        "better": torch.from_numpy(company.better),
        "worse": torch.from_numpy(company.worse),
        "margin": torch.from_numpy(company.margins).float(),
    }


def _ids(passages: Sequence[Passage], pad: int) -> Tensor:
    """Prompts and what follows them until their prose ends (N, L), padded on the right: nothing
    attends forward."""
    read = [[*one.prompt, *one.response[: one.end]] for one in passages]
    ids = torch.full((len(read), max(map(len, read))), pad)
    for row, one in enumerate(read):
        ids[row, : len(one)] = torch.tensor(one)
    return ids
