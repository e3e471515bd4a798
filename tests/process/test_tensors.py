"""What is in a model's files, from their headers; what is no header is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talecraft.process import tensors
from talecraft.process.tensors import Tensor


def file(path: Path, **table: object) -> None:
    header = json.dumps(table).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)


def entry(*shape: int, dtype: str = "BF16") -> dict[str, object]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [0, 1]}


def test_a_header_is_read(tmp_path: Path) -> None:
    file(tmp_path / "model.safetensors", __metadata__={"format": "pt"}, a=entry(3, 5),
         b=entry(7, dtype="F32"))  # fmt: skip
    found = tensors.read(tmp_path)
    assert found == [Tensor("a", (3, 5), 2), Tensor("b", (7,), 4)]
    assert [(one.numbers, one.size) for one in found] == [(15, 30), (7, 28)]


def test_of_several_files_those_are_read_that_the_index_names(tmp_path: Path) -> None:
    file(tmp_path / "model-1.safetensors", a=entry(1))
    file(tmp_path / "model-2.safetensors", b=entry(2))
    file(tmp_path / "consolidated.safetensors", a=entry(1), b=entry(2))
    assert len(tensors.read(tmp_path)) == 4
    names = {"a": "model-1.safetensors", "b": "../x/model-2.safetensors"}
    (tmp_path / tensors.INDEX).write_text(json.dumps({"weight_map": names}))
    assert [one.name for one in tensors.read(tmp_path)] == ["a", "b"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 7, b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}",
        b"\x02" + b"\0" * 7 + b"[]", b"\x08" + b"\0" * 7 + b'{"a": 1}',
        (60_000).to_bytes(8, "little") + b"[" * 60_000,
    ],
)  # fmt: skip
def test_what_is_no_header(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(data)
    assert tensors.read(tmp_path) == []
    assert tensors.read(tmp_path / "nowhere") == []
