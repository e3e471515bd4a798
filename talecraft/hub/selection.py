"""Which of a repository's files are taken: safetensors, tokenizer and configuration, by name.

A name decides alone, and only names that are known: no pickle, no program; nothing in a folder but
the modules of a sentence encoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

DESCRIBING = ("config.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json")
_TOKENIZERS = {
    "tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt", "spiece.model",
    "sentencepiece.bpe.model", "tekken.json",
}  # fmt: skip
_INDEX = "model.safetensors.index.json"
_NAMES = {
    *DESCRIBING, *_TOKENIZERS, "generation_config.json", "special_tokens_map.json",
    "added_tokens.json", _INDEX,
}  # fmt: skip
_WHOLE = "model.safetensors"
# Of a sentence encoder: what its modules are, and those behind the first, a folder each.
_MODULES = {"modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"}
_MODULE = re.compile(r"[1-9]_[A-Za-z]{1,32}/(config\.json|model\.safetensors)")
_PART = re.compile(r"model-\d{1,6}-of-\d{1,6}\.safetensors")
_SHA256, _GIT = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
MOST_BYTES = 2_000_000_000_000  # a size beyond is not one


class Unusable(Exception):
    """The repository lacks what is needed, or does not say how to check it: `kind`, and what."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind, self.detail = kind, detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to fetch: bytes, and its sha256 (64 letters) or git's own checksum (40)."""

    name: str
    size: int
    digest: str

    @property
    def large(self) -> bool:
        """Is it kept apart from the repository's history, and so never compressed on its way?"""
        return len(self.digest) == 64

    @property
    def weights(self) -> bool:
        return self.name.endswith(".safetensors")


def wanted(siblings: Iterable[object], look: bool = False) -> list[Wanted]:
    """The files to fetch, small ones first; with `look` only those that describe the model.

    `siblings` are a hub's RepoSibling, and hostile. Raises Unusable.
    """
    every = _by_name(siblings)
    names = [name for name in every if name in (DESCRIBING if look else _NAMES)]
    if "config.json" not in names:
        raise Unusable("no weights", "no config.json")
    weights = [_WHOLE] if _WHOLE in every and _INDEX not in every else []
    weights = weights or [name for name in every if _PART.fullmatch(name)]
    if not weights:
        raise Unusable("no weights", "no safetensors")
    if not look and not any(name in _TOKENIZERS for name in names):
        raise Unusable("no weights", "no tokenizer")
    found = [_wanted(every[name], name) for name in names + ([] if look else sorted(weights))]
    return sorted(found, key=lambda one: one.weights)


def of_encoder(siblings: Iterable[object]) -> list[Wanted]:
    """The files of a sentence encoder, as `wanted`. Raises Unusable."""
    every = _by_name(siblings)
    if "modules.json" not in every:
        raise Unusable("no weights", "no modules.json")
    more = [name for name in every if name in _MODULES or _MODULE.fullmatch(name)]
    rest = [_wanted(every[name], name) for name in more]
    return sorted([*wanted(every.values()), *rest], key=lambda one: one.weights)


def weight_bytes(siblings: Iterable[object]) -> int:
    """Of the weights that would be fetched."""
    return sum(one.size for one in wanted(siblings) if one.weights)


def _by_name(siblings: Iterable[object]) -> dict[str, object]:
    return {name: one for one in siblings if isinstance(name := _name(one), str)}


def _name(sibling: object) -> object:
    return getattr(sibling, "rfilename", None)


def _wanted(sibling: object, name: str) -> Wanted:
    lfs = getattr(sibling, "lfs", None)
    size = getattr(sibling, "size", None)
    digest = getattr(lfs, "sha256", None) if lfs else getattr(sibling, "blob_id", None)
    form = _SHA256 if lfs else _GIT
    sized = isinstance(size, int) and 0 <= size <= MOST_BYTES
    if not sized or not isinstance(digest, str) or not form.fullmatch(digest):
        raise Unusable("no checksum", name)
    assert isinstance(size, int)
    return Wanted(name, size, digest)
