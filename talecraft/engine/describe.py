"""`python -m talecraft.engine.describe FOLDER`: is this a model that could write here?

Reads config.json and whether there is a chat template; no weights, no code of the folder's own.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from talecraft.engine import checking
from talecraft.errors import EngineError
from talecraft.process import tensors
from talecraft.process.child import answers
from talecraft.process.description import Description, Unfit
from talecraft.story.clean import bounded

_SHORTEST, _LONGEST = 16, 100_000_000
_LONGEST_WORDS = 200
_THOUGHTS = ("<think>", "</think>")


def describe(folder: Path) -> Description | Unfit:
    config = checking.table(folder / "config.json")
    if config is None:
        return Unfit("Its config.json is missing, or is not a table of JSON.")
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""
    if not name:
        return Unfit("Its config.json names no architecture.")
    if config.get("quantization_config") is not None:
        return Unfit("Its weights are quantised already, and cannot learn as they are.")
    if not _causal(config.get("model_type"), name):
        own = " It brings code of its own, which is never run." if "auto_map" in config else ""
        return Unfit(f"'{name}' is no causal language model that transformers has.{own}")
    try:
        length = _context(folder)
    except Exception as error:  # whatever a hostile table brings transformers to
        why = bounded(str(error), _LONGEST_WORDS) or type(error).__name__
        return Unfit(f"Its config.json is not understood: {why}")
    if length is None:
        return Unfit("Its config.json does not tell how long a text it can see.")
    if tensors.files(folder):  # of a repository only the configuration was fetched to be read
        try:
            checking.check(folder, folder.name)
        except EngineError as error:
            return Unfit(error.message)
    chats, reasons = _chats(folder)
    return Description(name, length, chats, reasons)


def _causal(kind: object, name: str) -> bool:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    known = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(kind) if isinstance(kind, str) else None
    return name in ([known] if isinstance(known, str) else known or [])


def _context(folder: Path) -> int | None:
    """Tokens, by transformers' own names for them (GPT-2 says n_positions). Raises what it does."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    length = getattr(config, "max_position_embeddings", None)
    sound = isinstance(length, int) and _SHORTEST <= length <= _LONGEST
    return length if sound else None


def _chats(folder: Path) -> tuple[bool, bool]:
    """Has it a chat template, and does that know a block of the model's thoughts?"""
    template = (checking.table(folder / "tokenizer_config.json") or {}).get("chat_template")
    for name in ("chat_template.jinja", "chat_template.json"):
        with contextlib.suppress(OSError, UnicodeError):
            if (folder / name).stat().st_size <= checking.MOST_BYTES:
                template = (folder / name).read_text()
    return bool(template), any(tag in str(template or "") for tag in _THOUGHTS)


def main() -> None:
    answers()(describe(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
