"""Words and passages as vectors: by a sentence encoder, else by the base model's own embeddings."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from talecraft.engine import checking
from talecraft.engine.codec import Codec
from talecraft.errors import EngineError
from talecraft.story.idf import placed, terms

Words = tuple[list[str], Tensor]  # the words of a text as `idf.terms` gives them, (W, D)


class Encoder(Protocol):
    """Vectors of length 1, in float32 on the CPU; those of what has no words are 0."""

    def words(self, texts: Sequence[str]) -> list[Words]:
        """For each text its words and their vectors (W, D)."""

    def passages(self, texts: Sequence[str]) -> Tensor:
        """A vector for each text, (N, D)."""


class BaseEncoder:
    """The base model's input embeddings, about their mean: a word is the mean of its tokens', a
    passage the mean of its words'.

    They know no context; but no other model need be there, and a word is nearest to itself and
    near to its inflections. The mean is taken away because all embeddings of a language model lean
    to one side (Mu & Viswanath, arXiv 1702.01417).
    """

    def __init__(self, base: Any, codec: Codec) -> None:
        self._weight: Tensor = base.get_input_embeddings().weight.detach()
        self._mean = self._weight.float().mean(0).cpu()
        self._codec = codec
        self._known: dict[str, Tensor] = {}

    def words(self, texts: Sequence[str]) -> list[Words]:
        return [self._words(terms(text)) for text in texts]

    def passages(self, texts: Sequence[str]) -> Tensor:
        return torch.stack([_unit(vectors.sum(0)) for _, vectors in self.words(texts)])

    def _words(self, found: list[str]) -> Words:
        width = self._weight.shape[1]
        if not found:
            return [], torch.zeros(0, width)
        return found, torch.stack([self._vector(word) for word in found])

    def _vector(self, word: str) -> Tensor:
        if word not in self._known:
            ids = torch.tensor(self._codec.encode(f" {word}"), device=self._weight.device)
            self._known[word] = _unit(self._weight[ids].float().mean(0).cpu() - self._mean)
        return self._known[word]


def opened(place: str, device: str = "cpu") -> Any:
    """The model of sentence-transformers in the folder `place`.

    Raises EngineError where the extra is not installed, or the place holds no encoder that can be
    trusted to be opened.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise EngineError(
            "A sentence encoder needs sentence-transformers.",
            "Install it: pip install 'talecraft[encoder]'.",
        ) from error
    hint = (
        "It needs modules.json, a tokeniser and safetensors, as sentence-transformers saves them."
    )
    if wrong := checking.wrong_with(Path(place)):
        raise EngineError(f"{place} holds no sentence encoder: {wrong}.", hint)
    try:
        return SentenceTransformer(
            place,
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        ).eval()
    except Exception as error:  # whatever a folder may hold
        raise EngineError(
            f"{place} holds no sentence encoder ({type(error).__name__}).", hint
        ) from error


class SentenceEncoder:
    """A model of sentence-transformers: a word is the mean of its tokens' states in its context, a
    passage what the model pools (Reimers & Gurevych, arXiv 1908.10084)."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        """Raises EngineError where the extra is not installed or the folder holds no encoder."""
        self._model: Any = opened(str(folder), device)

    @torch.no_grad()
    def words(self, texts: Sequence[str]) -> list[Words]:
        plain = [unicodedata.normalize("NFC", text) for text in texts]
        states = self._model.encode(
            plain, output_value="token_embeddings", show_progress_bar=False, convert_to_numpy=False
        )
        return [self._aligned(text, one) for text, one in zip(plain, states, strict=True)]

    def passages(self, texts: Sequence[str]) -> Tensor:
        found = self._model.encode(
            list(texts), show_progress_bar=False, convert_to_tensor=True, normalize_embeddings=True
        )
        return torch.as_tensor(found).float().cpu()

    def _aligned(self, text: str, states: Tensor) -> Words:
        """The words that the encoder has read, as far as its window goes."""
        tokens = self._model.tokenizer(
            text,
            return_offsets_mapping=True,
            truncation=True,
            max_length=self._model.max_seq_length,
        )
        spans = [tuple(one) for one in tokens["offset_mapping"][: len(states)]]
        words, vectors, at = [], [], 0
        for word, start, end in placed(text):
            while at < len(spans) and spans[at][1] <= start:
                at += 1
            inside = at
            while inside < len(spans) and spans[inside][0] < end:
                inside += 1
            if inside > at:
                words.append(word)
                vectors.append(_unit(states[at:inside].float().mean(0).cpu()))
        return words, torch.stack(vectors) if vectors else torch.zeros(0, states.shape[-1])


def _unit(vector: Tensor) -> Tensor:
    made: Tensor = vector / vector.norm().clamp(min=1e-8)
    return made
