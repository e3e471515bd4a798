"""The neutral material is there, is varied, and is read strictly."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from talecraft.config.assets import reference


def test_prompts_and_passages() -> None:
    prompts = reference("prompt") + reference("gate")
    passages = reference("passage")
    assert len(prompts) >= 110
    assert len(reference("gate")) >= 48, "LEARNING 1.6 b"
    assert len(set(prompts)) == len(prompts)
    assert len(passages) >= 44
    assert len(set(passages)) == len(passages)
    lengths = [len(passage) for passage in passages]
    assert min(lengths) >= 350
    assert max(lengths) <= 800
    assert not any(text != text.strip() or "<" in text for text in prompts + passages)


def test_an_unknown_key_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text('{"kind": "prompt", "text": "a", "extra": 1}\n')
    with pytest.raises(msgspec.ValidationError, match="extra"):
        reference("prompt", file)
