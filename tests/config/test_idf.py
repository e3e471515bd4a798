"""The table of words: the shipped one is sound, the own one comes first."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from talecraft.config.assets import idf_file
from talecraft.config.idf import idf_in_effect, read_idf
from talecraft.errors import ConfigError
from talecraft.paths import home
from talecraft.story.idf import Idf


def test_the_shipped_table_tells_the_common_from_the_rare() -> None:
    found = read_idf(idf_file())
    assert found.documents > 100_000
    assert 20_000 < len(found.words) < 60_000
    assert min(found.words.values()) >= 5
    assert idf_file().stat().st_size < 400_000
    assert 0 < found("the") < found("said") < found("castle") < found("dragonfly") < found("zqx")
    assert found("zqx") == pytest.approx(math.log(1 + found.documents))
    assert list(found.words) == sorted(found.words), "renewed, it differs where counts differ"


def test_the_own_table_is_used_where_it_is_there() -> None:
    here = home()
    assert idf_in_effect(here) == (read_idf(idf_file()), idf_file())
    here.data.mkdir(parents=True)
    here.idf.write_bytes(msgspec.json.encode(Idf(3, {"fox": 2})))
    assert idf_in_effect(here) == (Idf(3, {"fox": 2}), here.idf)
    here.idf.write_text("{}")
    with pytest.raises(ConfigError, match="is no table of words"):
        idf_in_effect(here)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no table of words"),
        (b'{"documents": 3, "words": {"fox": 2}', "is no table of words"),
        (b"\xff\xfe", "is no table of words"),
        (b"[" * 100_000, "is no table of words"),
        (b'{"documents": 3, "words": {"fox": "2"}}', "Expected `int`"),
        (b'{"documents": 3, "words": {}, "model": 1}', "unknown field `model`"),
        (b'{"documents": 0, "words": {}}', "it counts no passage"),
        (b'{"documents": 3, "words": {"fox": 4}}', "more passages than there are"),
        (b'{"documents": 3, "words": {"fox": 0}}', "more passages than there are"),
        (None, "cannot be read: no such file or directory"),
    ],
)
def test_a_broken_or_foreign_file_is_one_line(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "idf.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_idf(file)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)
    assert "talecraft corpus idf" in caught.value.hint
    assert "\n" not in str(caught.value)
