"""A sentence encoder tuned on scored pairs, by the trainer of sentence-transformers.

Loss and step are the trainer's (CosineSimilarityLoss); which epoch is kept, and what is told, ours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talecraft.corpus.pairing import Pair
from talecraft.errors import EngineError
from talecraft.learning import encoders, style
from talecraft.learning.correlation import spearman, sure
from talecraft.learning.hosted import quiet
from talecraft.process.style import Epoch, StyleOrder, Tuned

EPOCHS, PATIENCE = 4, 1
BATCH, RATE, WARMUP = 16, 2e-5, 0.1


def tune(
    order: StyleOrder,
    train: Sequence[Pair],
    choosing: Sequence[Pair],
    telling: Sequence[Pair],
    say: Any,
) -> Tuned:
    """The epoch is kept whose correlation on the `choosing` pairs is highest; training ends
    PATIENCE epochs after it. Raises EngineError where there is no such encoder."""
    began = order.encoder
    model = encoders.opened(began)
    torch.manual_seed(order.seed)
    with tempfile.TemporaryDirectory(prefix="talecraft-style-") as name:
        folder = Path(name)
        before = _cosines(model, telling)
        epochs, best = _train(model, order, train, choosing, say, folder / "trainer")
        scores = np.array([one.score for one in telling])
        tuned = Tuned(
            "encoder", Path(began).name, len(train), len(choosing), len(telling),
            sure(before, scores, order.seed), sure(_cosines(model, telling), scores, order.seed),
            epochs, best,
        )  # fmt: skip
        model.save_pretrained(str(folder / "encoder"), create_model_card=False)
        style.pack(folder / "encoder", Path(order.target), tuned)
    return tuned


def _train(
    model: Any,
    order: StyleOrder,
    train: Sequence[Pair],
    choosing: Sequence[Pair],
    say: Any,
    folder: Path,
) -> tuple[int, int]:
    """Leaves the best epoch's weights in the model; how many epochs there were, and which was it.
    Raises EngineError where the trainer is not what it was."""
    quiet(folder / "cache")
    try:
        from datasets import Dataset
        from sentence_transformers import (
            SentenceTransformerTrainer,
            SentenceTransformerTrainingArguments,
        )
        from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss
        from transformers import PrinterCallback, TrainerCallback
    except ImportError as error:
        raise EngineError(
            "This sentence-transformers cannot train an encoder.",
            "Install another: pip install 'talecraft[encoder]'.",
        ) from error
    epochs = order.epochs or EPOCHS
    wanted = np.array([one.score for one in choosing])
    losses = list[float]()
    best = (-2.0, 0)
    kept: dict[str, torch.Tensor] = {}

    class Follow(TrainerCallback):  # type: ignore[misc]
        """Keeps the best epoch, and ends where none comes after it."""

        def on_log(self, *_: Any, logs: dict[str, float] | None = None, **__: Any) -> None:
            if logs and "loss" in logs:
                losses.append(logs["loss"])

        def on_epoch_end(self, _arguments: Any, state: Any, control: Any, **_: Any) -> Any:
            nonlocal best, kept
            number = round(state.epoch)
            now = spearman(_cosines(model, choosing), wanted)
            say(Epoch(number, epochs, losses[-1] if losses else 0.0, now))
            if now > best[0]:
                best = (now, number)
                kept = {name: one.clone() for name, one in model.state_dict().items()}
            control.should_training_stop = number - best[1] >= PATIENCE
            return control

    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=BATCH,
        learning_rate=RATE,
        warmup_ratio=WARMUP,
        seed=order.seed % 2**32,
        use_cpu=not torch.cuda.is_available(),
        save_strategy="no",
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    columns = {
        "sentence1": [one.text1 for one in train],
        "sentence2": [one.text2 for one in train],
        "score": [one.score for one in train],
    }
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict(columns),
        loss=CosineSimilarityLoss(model),
        callbacks=[Follow()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    model.load_state_dict(kept)
    model.eval()
    return round(trainer.state.epoch), best[1]


@torch.no_grad()
def _cosines(model: Any, pairs: Sequence[Pair]) -> np.ndarray:
    """(N,) of the two texts of each pair."""
    was = model.training
    model.eval()
    first, second = (
        torch.as_tensor(
            model.encode(
                texts, show_progress_bar=False, convert_to_tensor=True, normalize_embeddings=True
            )
        )
        for texts in ([one.text1 for one in pairs], [one.text2 for one in pairs])
    )
    model.train(was)
    cosine: np.ndarray = (first * second).sum(1).float().cpu().numpy()
    return cosine
