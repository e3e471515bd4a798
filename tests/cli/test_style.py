"""`talecraft style`: fit one, list it, show it, remove it; learn a manner, and report it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from talecraft.paths import home
from talecraft.process import run_client, run_events
from talecraft.story.rewards import MANNER_WEIGHTS
from tests.cli.conftest import Talecraft
from tests.cli.test_commands import data
from tests.corpus.test_manners import rows


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{}\n" * 6)
    return path


def test_one_is_fitted_listed_shown_and_removed(talecraft_: Talecraft, pairs: Path) -> None:
    made = talecraft_("style", "fit", str(pairs), "--name", "nesbit")
    assert made.code == 0, made.err
    assert "Style nesbit, made of" in made.out
    assert "Correlation on 2 held pairs (Spearman): 0.500 (90 % sure: 0.375 to 0.625)" in made.out
    assert "Before: 0.250 (90 % sure: 0.100 to 0.400)" in made.out
    assert talecraft_("style", "show", "nesbit").out == made.out
    (one,) = data(talecraft_, "style", "list")
    assert (one["name"], one["tuned"]["after"]["value"]) == ("nesbit", 0.5)
    folder = home().styles / "nesbit"
    assert {file.name for file in folder.iterdir()} == {"style.safetensors", "style.json"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads((folder / "style.json").read_text()) == one["tuned"]
    assert "nesbit" in talecraft_("style", "list").out
    assert talecraft_("style", "delete", "nesbit").code == 0
    assert data(talecraft_, "style", "list") == []


def test_a_folder_of_an_encoder_is_what_is_tuned(
    talecraft_: Talecraft, pairs: Path, tmp_path: Path
) -> None:
    (tmp_path / "mini").mkdir()
    found = data(talecraft_, "style", "fit", str(pairs), "--encoder", str(tmp_path / "mini"))
    assert (found["tuned"]["kind"], found["tuned"]["began"]) == ("encoder", "mini")


def test_it_is_never_replaced_unasked(talecraft_: Talecraft, pairs: Path) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    again = talecraft_("style", "fit", str(pairs))
    assert again.code == 2
    assert "is already there" in again.err
    assert talecraft_("style", "fit", str(pairs), "--force").code == 0


def test_where_none_could_be_fitted_nothing_is_left(talecraft_: Talecraft, pairs: Path) -> None:
    pairs.write_text("{}\n")
    failed = talecraft_("style", "fit", str(pairs))
    assert (failed.code, failed.out) == (2, "")
    assert "There are 1 pairs to learn from" in failed.err
    assert list(home().styles.iterdir()) == []


def test_a_broken_one_is_listed_as_such(talecraft_: Talecraft, pairs: Path) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    (home().styles / "style" / "style.safetensors").write_bytes(b"broken")
    assert "broken" in talecraft_("style", "list").out
    assert "fit it again" in talecraft_("style", "show").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "gone.jsonl"], "gone.jsonl is not there"),
        (["fit", __file__, "--name", "../x"], "no name for a style"),
        (["fit", __file__, "--name", ""], "no name for a style"),
        (["show", "nope"], "no style 'nope' (known: none yet)"),
        (["delete", "nope"], "no style 'nope'"),
    ],
)
def test_misuse_is_one_line(talecraft_: Talecraft, arguments: list[str], words: str) -> None:
    result = talecraft_("style", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.strip().count("\n") <= 1


# ---------------------------------------------------------------------- learning a manner
@pytest.fixture
def chunks(tmp_path: Path) -> Path:
    path = tmp_path / "chunks.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows({"Ada Vane": 4, "Bo Moss": 2})))
    return path


LEARN = ("style", "learn", "--author", "ada vane", "--yes", "--texts")


def test_a_manner_is_learned_and_what_came_of_it_reported(
    talecraft_: Talecraft, pairs: Path, chunks: Path
) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    planned = talecraft_("style", "learn", "--author", "ada vane", "--texts", str(chunks),
                         "--dry-run")  # fmt: skip
    assert planned.code == 0, planned.err
    assert "Author: Ada Vane; 90 of 120 chunks to learn from, 30 chunks of the book" in planned.out
    assert data(talecraft_, "train", "status") == [], "nothing was started"
    ended = talecraft_(*LEARN, str(chunks), "--updates", "3", "--seed", "7")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Adopted:")
    (run,) = data(talecraft_, "train", "status")
    folder = home().runs / run["run"]
    order = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    assert (order.method, order.style.author, order.seed) == ("style", "Ada Vane", 7)
    assert (order.ppo.updates, order.ppo.rewards) == (3, MANNER_WEIGHTS)
    kept = home().styles / "style" / "style.safetensors"
    assert (folder / "style.copy").read_bytes() == kept.read_bytes(), "as the run saw it"
    assert not (folder / run_client.STYLE).exists(), "a whole encoder may be large"
    assert {file.name for file in folder.iterdir()} >= {"manner.jsonl", "idf.json"}
    assert stat.S_IMODE((folder / run_client.MANNER).stat().st_mode) == 0o600
    told = talecraft_("style", "report")
    assert told.code == 0, told.err
    assert "after GRPO" in told.out
    assert "GRPO over SFT: +0.125 (90 % sure: +0.062 to +0.188)" in told.out
    picture = Path(told.out.splitlines()[-1])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    found = data(talecraft_, "style", "report", run["run"])
    assert [one["name"] for one in found["stages"]] == ["before", "sft", "grpo"]


def test_its_adapter_is_a_root_and_another_manner_begins_beneath_it(
    talecraft_: Talecraft, pairs: Path, chunks: Path
) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    assert talecraft_(*LEARN, str(chunks), "--seed", "1").code == 0
    (first,) = data(talecraft_, "adapters", "list")
    assert talecraft_("style", "learn", "--author", "Bo Moss", "--yes", "--texts", str(chunks),
                      "--seed", "2").code == 0  # fmt: skip
    orders = [
        run_events.decode_settings((home().runs / one["run"] / "settings.json").read_bytes())
        for one in data(talecraft_, "train", "status")
    ]
    second = next(one for one in orders if one.style.author == "Bo Moss")
    assert second.parent is not None
    assert second.parent.id == first["adapter"], "it is compared with what writes now"
    assert second.root is None, "it begins at the bare model, not at another's manner"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--author", "Di Elm"], "No text is by 'Di Elm'"),
        (["--author", "Ada Vane", "--style", "none"], "no style 'none' (known: style)"),
        (["--author", "Ada Vane", "--rewards", "semantic"], "by the reward 'style'"),
    ],
)
def test_what_cannot_be_learned_is_one_line(
    talecraft_: Talecraft, pairs: Path, chunks: Path, arguments: list[str], words: str
) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    result = talecraft_("style", "learn", "--yes", "--texts", str(chunks), *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert data(talecraft_, "train", "status") == []


def test_a_style_of_another_model_is_refused_before_anything_is_read(
    talecraft_: Talecraft, pairs: Path, chunks: Path
) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    place = home().styles / "style" / "style.safetensors"
    length = int.from_bytes(place.read_bytes()[:8], "little")
    header = json.loads(place.read_bytes()[8 : 8 + length])
    facts = json.loads(header["__metadata__"]["style"]) | {"model": "gpt2@abc"}
    header["__metadata__"]["style"] = json.dumps(facts)
    data_ = json.dumps(header).encode()
    place.write_bytes(len(data_).to_bytes(8, "little") + data_)
    refused = talecraft_(*LEARN, str(chunks))
    assert refused.code == 2
    assert "The style 'style' was fitted for gpt2@abc" in refused.err


def test_too_little_of_the_author_does_not_start(
    talecraft_: Talecraft, pairs: Path, tmp_path: Path
) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    path = tmp_path / "few.jsonl"
    some = rows({"Ada Vane": 1, "Bo Moss": 1}, chapters=3, each=3)
    path.write_text("".join(json.dumps(one) + "\n" for one in some))
    refused = talecraft_(*LEARN, str(path))
    assert refused.code == 2
    assert "chunks of Ada Vane to learn from; at least 20" in refused.err


def test_any_run_can_be_rewarded_by_a_manner(
    talecraft_: Talecraft, pairs: Path, chunks: Path
) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    asked = ("train", "run", "--rewards", "style,finished=0.5")
    missing = talecraft_(*asked)
    assert missing.code == 2
    assert "no manner to be rewarded by" in missing.err
    assert data(talecraft_, "train", "status") == [], "no run was begun for nothing"
    made = talecraft_(*asked, "--author", "Bo Moss", "--texts", str(chunks))
    assert made.code == 0, made.err
    (run,) = data(talecraft_, "train", "status")
    folder = home().runs / run["run"]
    assert b'"author":"Bo Moss"' in (folder / run_client.MANNER).read_bytes()
    assert (folder / "style.copy").is_file(), "the run had it"


def test_there_is_nothing_to_report_before_a_run(talecraft_: Talecraft) -> None:
    assert talecraft_("style", "report").code == 2
