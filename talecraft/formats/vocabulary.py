"""A tokenizer.json as GGUF has it: tokens with their kinds, and merges or scores.

Two kinds are known: byte-level BPE (GPT-2, Llama 3) and BPE over characters with bytes to fall
back on (Llama 2, Mistral, SOLAR), which llama.cpp reads as SentencePiece.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer

from talecraft.errors import UsageError

# How text is cut before it is merged, by the pattern that cuts it, as llama.cpp names it.
_PATTERNS = {
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+": "llama-bpe",
}
_LINES, _LINE_END = r"\n+", "Ċ"  # the latter is a line end as byte-level BPE writes it
_NEVER = -1e6  # the score of a token that no merge makes
_SPACE = "▁"


@dataclass(slots=True)
class Tokens:
    """All tokens by id, and how they are found in text."""

    model: str  # "gpt2" or "llama", as llama.cpp calls the two kinds
    texts: list[str]
    kinds: list[TokenType]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    cut: str = ""
    space_first: bool = False


def read(folder: Path, size: int) -> Tokens:
    """The tokenizer of a model whose vocabulary is so large. Raises UsageError for one of another
    kind than those."""
    try:
        table: dict[str, Any] = json.loads((folder / "tokenizer.json").read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError("The model has no tokenizer.json that GGUF could be made from.") from error
    model = table["model"]
    if model.get("type") != "BPE":
        raise UsageError(f"A tokenizer of type {model.get('type')} cannot be written as GGUF.")
    merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    made = Tokens(*_texts(model["vocab"], table, size))
    if model.get("byte_fallback"):
        ranks: dict[str, int] = {}
        for rank, one in enumerate(merges):
            ranks.setdefault(one.replace(" ", ""), rank)
        made.scores = [float(-ranks[t]) if t in ranks else _NEVER for t in made.texts]
        made.space_first = _prepends(table)
        for i, text in enumerate(made.texts):
            if len(text) == 6 and text.startswith("<0x"):
                made.kinds[i] = TokenType.BYTE
    else:
        made.model, made.merges, made.cut = "gpt2", merges, _cut(table["pre_tokenizer"])
        if _parts_lines(table["pre_tokenizer"]):
            _keep_lines_apart(made)
    if (unknown := model.get("unk_token")) in model["vocab"]:
        made.kinds[model["vocab"][unknown]] = TokenType.UNKNOWN
    return made


def _texts(
    vocab: dict[str, int], table: dict[str, Any], size: int
) -> tuple[str, list[str], list[TokenType]]:
    texts = [f"[PAD{i}]" for i in range(size)]
    kinds = [TokenType.UNUSED] * size
    for text, i in vocab.items():
        texts[i], kinds[i] = text, TokenType.NORMAL
    for one in table["added_tokens"]:
        special = TokenType.CONTROL if one["special"] else TokenType.USER_DEFINED
        texts[one["id"]], kinds[one["id"]] = one["content"], special
    return "llama", texts, kinds


def _cut(before: dict[str, Any]) -> str:
    """What llama.cpp calls this way to cut text into words."""
    steps = before.get("pretokenizers", [before])
    bytes_ = steps[-1]
    plain = bytes_.get("type") == "ByteLevel" and not bytes_.get("add_prefix_space")
    by_words = plain and bytes_.get("use_regex", True)
    if by_words and (len(steps) == 1 or _parts_lines(before)):
        return "gpt-2"
    if plain and len(steps) == 2 and steps[0].get("type") == "Split":
        known = _PATTERNS.get(steps[0]["pattern"].get("Regex", ""))
        if known is not None and steps[0].get("behavior") == "Isolated":
            return known
    raise UsageError(
        "The model's tokenizer cuts text in a way that is not known to be llama.cpp's.",
        "Export it as peft or merged.",
    )


def _parts_lines(before: dict[str, Any]) -> bool:
    """Are line ends taken out of the text, a run of them at a time, before words are?"""
    steps = before.get("pretokenizers", [before])
    first = steps[0]
    return (
        len(steps) == 2
        and first.get("type") == "Split"
        and first.get("pattern") == {"Regex": _LINES}
        and first.get("behavior") == "Isolated"
    )


def _keep_lines_apart(tokens: Tokens) -> None:
    """llama.cpp has no such way to cut; but it takes tokens that are somebody's own out of the text
    before anything else, the longest first: so do runs of line ends become them."""
    for i, text in enumerate(tokens.texts):
        if len(text) > 1 and set(text) == {_LINE_END}:
            tokens.texts[i], tokens.kinds[i] = "\n" * len(text), TokenType.USER_DEFINED


def _prepends(table: dict[str, Any]) -> bool:
    """Does text begin with a space that nobody wrote?"""
    before = table.get("pre_tokenizer") or {}
    steps = (table.get("normalizer") or {}).get("normalizers", [table.get("normalizer") or {}])
    prepended = any(s.get("type") == "Prepend" and s.get("prepend") == _SPACE for s in steps)
    return prepended or before.get("prepend_scheme") in ("first", "always")


def write(writer: GGUFWriter, tokens: Tokens, folder: Path) -> None:
    """The tokenizer's part of a GGUF file, with the ids of its special tokens and its chat
    template."""
    writer.add_tokenizer_model(tokens.model)
    writer.add_token_list(tokens.texts)
    writer.add_token_types(tokens.kinds)
    if tokens.model == "gpt2":
        writer.add_tokenizer_pre(tokens.cut)
        writer.add_token_merges(tokens.merges)
    else:
        writer.add_token_scores(tokens.scores)
        writer.add_add_space_prefix(tokens.space_first)
    names = _table(folder / "tokenizer_config.json")
    ids = {text: i for i, text in enumerate(tokens.texts)}
    ends = _table(folder / "generation_config.json") | _table(folder / "config.json")
    for name, add in (
        ("bos", writer.add_bos_token_id),
        ("eos", writer.add_eos_token_id),
        ("pad", writer.add_pad_token_id),
        ("unk", writer.add_unk_token_id),
    ):
        named = names.get(f"{name}_token")
        text = named.get("content") if isinstance(named, dict) else named
        number = ids.get(text) if isinstance(text, str) else ends.get(f"{name}_token_id")
        if isinstance(number, int):
            add(number)
    begun = Tokenizer.from_file(str(folder / "tokenizer.json")).encode("a").ids
    plain = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(
        "a", add_special_tokens=False
    )
    writer.add_add_bos_token(len(begun) > len(plain.ids) and begun[1:] == plain.ids)
    template = names.get("chat_template")
    if (folder / "chat_template.jinja").is_file():
        template = (folder / "chat_template.jinja").read_text()
    if isinstance(template, str):
        writer.add_chat_template(template)


def _table(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
