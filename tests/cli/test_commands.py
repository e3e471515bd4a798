"""The other commands: their data, their JSON, their exit codes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

import talecraft
from talecraft.cli.train import describe
from talecraft.config.assets import idf_file
from talecraft.paths import home
from talecraft.process import evidence, run_client, run_events
from talecraft.story.feedback import Feedback
from talecraft.studio import Studio, memory
from tests.cli.conftest import Talecraft


def data(talecraft_: Talecraft, *arguments: str) -> Any:
    result = talecraft_(*arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def scores(talecraft_: Talecraft, count: int = 24) -> None:
    """A story of passages, scored 1 to 5 in turn."""
    assert talecraft_("write", "A fox.", "-n", str(count), "--json").code == 0
    text = "".join(json.dumps({"turn": n + 1, "stars": n % 5 + 1}) + "\n" for n in range(count))
    assert talecraft_("feedback", "add", "--from", "-", stdin=text).code == 0


# ---------------------------------------------------------------------------- stories
def test_stories_list_show_and_export(talecraft_: Talecraft, tmp_path: Path) -> None:
    talecraft_("write", "A fox.", "-n", "2", "--seed", "1")
    talecraft_("feedback", "add", "1", "--stars", "4")
    (story,) = data(talecraft_, "stories", "list")
    assert (story["story"], story["title"], story["passages"]) == (1, "A fox", 2)
    assert data(talecraft_, "stories", "list", "--trash") == []
    table = talecraft_("stories", "list").out.splitlines()
    assert table[0].split() == ["id", "turns", "words", "changed", "title"]
    assert table[1].split()[0] == "1"
    shown = data(talecraft_, "stories", "show", "1")
    assert [turn["turn"] for turn in shown["turns"]] == [1, 2]
    assert shown["turns"][0]["feedback"][0]["value"] == 4
    text = talecraft_("stories", "show", "1").out
    assert "[turn 1: llama-ember, adapter none; stars 4]" in text
    assert "  | - plan 1\n" in text
    prose = [turn["prose"] for turn in shown["turns"]]
    assert talecraft_("stories", "export", "1").out == "A fox.\n\n" + "\n\n".join(prose) + "\n"
    target = tmp_path / "fox.md"
    assert (
        talecraft_("stories", "export", "1", "-f", "md", "-o", str(target), "--outlines").code == 0
    )
    assert target.read_text().startswith("A fox.\n\n> \\- plan 1\n\n")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_tree_of_a_story_and_two_branches_of_it(talecraft_: Talecraft) -> None:
    talecraft_("write", "A fox.", "-n", "2", "--seed", "1")
    with Studio() as studio:
        one, two = studio.library.stories.tree(1)
        made = one.generation
        other = studio.library.stories.add_turn(1, one.id, "model", "It\x1b[2J ran.", "", made)
        gone = studio.library.stories.add_turn(1, one.id, "model", "It sat.", "", made)
        studio.branching.prune(gone.id)
        studio.branching.bookmark(other.id, "ran")
        studio.branching.edit(other.id, "It ran off.")
        studio.writing.rate(one.id, "stars", 4)
        studio.writing.rate(two.id, "thumb", -1)
        studio.branching.go_to(two.id)
    head, first, second, third = talecraft_("stories", "tree", "1").out.splitlines()
    assert head.split() == ["turn", "by", "version", "score", "notes", "passage"]
    assert first.split()[:5] == ["1", "model", "1/1", "4", "●"]
    assert second.split()[:5] == ["2", "model", "1/2", "-", "├─●"]
    assert third.split() == [
        "3", "model", "2/2", "bookmark", "ran,", "edited", "○", "It", "ran", "off.",
    ]  # fmt: skip
    assert "✗ It sat." in talecraft_("stories", "tree", "1", "--trash").out
    places = data(talecraft_, "stories", "tree", "1", "--trash")
    assert [(at["turn"], at["depth"], at["open"], at["trashed"]) for at in places] == [
        (1, 0, True, False), (2, 1, True, False), (4, 1, False, True), (3, 0, False, False),
    ]  # fmt: skip
    assert (places[3]["edited"], places[3]["bookmark"], places[0]["stars"]) == (True, "ran", 4)
    compared = talecraft_("stories", "diff", "2", "3")
    assert compared.out.startswith("[-")
    assert compared.out.endswith("{+It ran off.+}\n")
    assert "After 1 passage in common:" in compared.err
    found = data(talecraft_, "stories", "diff", "2", "3")
    assert (found["same"], found["shared"], found["added"]) == (False, 1, 3)
    assert found["pieces"][-1] == ["+", ["It", "ran", "off."]]
    assert "same branch" in talecraft_("stories", "diff", "1", "2").err
    assert data(talecraft_, "stories", "diff", "1", "2")["same"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["stories", "tree", "9"], 2, "no story 9"),
        (["stories", "diff", "8", "9"], 2, "no turn 8"),
        (["stories", "show", "9"], 2, "no story 9"),
        (["stories", "export", "9"], 2, "no story 9"),
        (["stories", "export", "1", "-f", "pdf"], 2, "Formats: txt, md"),
        (["stories", "show", "fox"], 2, "See `talecraft stories show --help`"),
        (["stories", "lsit"], 2, "Did you mean 'list'?"),
        (["fedback"], 2, "Did you mean 'feedback'?"),
        (["models", "info", "nope"], 2, "no model 'nope'"),
        (["feedback", "add"], 2, "Which turn?"),
        (["feedback", "add", "1"], 2, "stars or a thumb"),
        (["feedback", "add", "1", "--stars", "4", "--thumb", "up"], 2, "stars or a thumb"),
        (["feedback", "add", "1", "--stars", "6"], 2, "6 is not a score"),
        (["feedback", "add", "1", "--stars", "3.5"], 2, "3.5 is not a score"),
        (["feedback", "add", "1", "--thumb", "sideways"], 2, "up or down"),
        (["feedback", "add", "1", "--from", "f"], 2, "brings its own scores"),
        (["feedback", "add", "--from", "/no/file"], 2, "cannot be read"),
        (["feedback", "add", "7", "--stars", "3"], 2, "no turn 7"),
        (["train", "run"], 2, "20 more scores or choices are needed"),
        (["train", "stop"], 2, "No training run is going"),
        (["train", "status", "nope"], 2, "no run 'nope'"),
        (["train", "drawn", "nope"], 2, "no run 'nope'"),
        (["train", "run", "--method", "magic"], 2, "no method 'magic'"),
        (["train", "run", "--rewards", "pace"], 2, "no reward 'pace'"),
        (["train", "plan", "--prompts", "gone.txt"], 2, "gone.txt is not there"),
        (["adapters", "use", "zz"], 2, "no adapter here"),
        (["adapters", "rollback"], 2, "nothing to roll back"),
        (["feedback", "export", "--as", "csv"], 2, "preference, unpaired, completion"),
        (["adapters", "export", "zz"], 2, "no adapter here"),
        (["adapters", "export", "none", "--as", "zip"], 2, "peft, merged, gguf, gguf-adapter"),
        (["adapters", "export", "none", "/no/place/x.gguf", "--as", "gguf"], 2, "is no folder"),
        (["adapters", "export", "none", "/tmp", "--as", "gguf"], 2, "already there"),
        (["adapters", "export", "none"], 2, "Name an adapter"),
        (["demo", "--taste", "salt"], 2, "no taste 'salt'"),
        (["--model", "gpt2", "stories", "list"], 2, "belongs to the page"),
    ],
)
def test_every_misuse_is_one_line_and_its_exit_code(
    talecraft_: Talecraft, arguments: list[str], code: int, words: str
) -> None:
    result = talecraft_(*arguments)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert result.err.count("\n") == 1


# ---------------------------------------------------------------------------- feedback
def test_feedback_one_by_one(talecraft_: Talecraft) -> None:
    talecraft_("write", "A fox.")
    assert talecraft_("feedback", "add", "1", "--stars", "2", "--note", "dull").code == 0
    assert talecraft_("feedback", "add", "1", "--thumb", "down").code == 0
    (now,) = data(talecraft_, "feedback", "list")
    assert (now["turn"], now["kind"], now["value"]) == (1, "thumb", -1)
    log = data(talecraft_, "feedback", "list", "--all")
    assert [(one["kind"], one["value"]) for one in log] == [
        ("stars", 2), ("stars", None), ("thumb", -1),
    ]  # fmt: skip
    assert "withdrawn" in talecraft_("feedback", "list", "--all").out
    exported = talecraft_("feedback", "export").out.splitlines()
    assert [json.loads(line) for line in exported] == log


def test_what_of_a_passage_was_meant_is_listed(talecraft_: Talecraft) -> None:
    talecraft_("write", "A fox.")
    with Studio() as studio:
        studio.writing.rate(1, "stars", 2)
        studio.writing.rate_many([Feedback(0, 1, "stars", 5, "outline")])
        studio.writing.rate_span(1, "thumb", 1, "fox")
    told = talecraft_("feedback", "list").out
    assert "stars of the plan" in told
    assert "thumb of words" in told
    assert "1 A fox" in told, "of which story"
    assert sum("stars  " in line for line in told.splitlines()) == 1


def test_feedback_from_a_file_is_all_or_nothing(talecraft_: Talecraft, tmp_path: Path) -> None:
    talecraft_("write", "A fox.", "-n", "3")
    file = tmp_path / "scores.jsonl"
    good = '{"turn": 1, "stars": 4}\n\n{"turn": 2, "thumb": 1, "note": "yes"}\n'
    for line, words in [
        ('{"turn": 3, "stars": 9}', "9 is not a score"),
        ('{"turn": 9, "stars": 3}', "no turn 9"),
        ('{"turn": 3, "star": 3}', "unknown field `star`"),
        ('{"turn": 3}', "stars or a thumb"),
        ('{"turn": "3", "stars": 3}', "Expected `int`"),
        ("turn 3: good", "malformed"),
    ]:
        file.write_text(good + line + "\n")
        result = talecraft_("feedback", "add", "--from", str(file))
        assert result.code == 2
        assert result.err.startswith(f"talecraft: {file}:4: ")
        assert words in result.err
        assert "Nothing was added." in result.err
    assert data(talecraft_, "feedback", "list", "--all") == []
    file.write_text(good)
    added = talecraft_("feedback", "add", "--from", str(file))
    assert (added.code, added.err) == (0, "talecraft: 2 scores added.\n")
    assert len(data(talecraft_, "feedback", "list")) == 2
    nothing = talecraft_("feedback", "add", "--from", "-", stdin="\n")
    assert (nothing.code, nothing.out) == (2, "")


# ---------------------------------------------------------------------------- models
def test_models(talecraft_: Talecraft) -> None:
    listed = data(talecraft_, "models", "list")
    assert [one["id"] for one in listed if one["in_use"]] == ["llama-ember"]
    assert [one["id"] for one in listed if one["installed"]] == ["llama-ember"]
    assert len(listed) == 5
    assert "* " in talecraft_("models", "list").out
    one = data(talecraft_, "models", "info", "gpt2")
    assert (one["installed"], one["licence"], one["lora_targets"]) == (
        False, "MIT", ["c_attn", "c_proj", "c_fc"],
    )  # fmt: skip
    assert "lora targets: c_attn, c_proj, c_fc\n" in talecraft_("models", "info", "gpt2").out


# ---------------------------------------------------------------------------- training
def test_a_run_without_a_writer_needs_no_score(talecraft_: Talecraft, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("A fox\nAn owl\nA fox\n")
    asked = ("--rewards", "semantic,length=0.3", "--prompts", str(prompts), "--method", "rloo")
    plan = data(talecraft_, "train", "plan", *asked)
    assert (plan["refusal"], plan["prompts"], plan["method"]) == ("", 2, "rloo")
    assert plan["rewards"] == {"semantic": 1.0, "length": 0.3}
    words = talecraft_("train", "plan", *asked).out
    assert "Method: PPO without a critic (RLOO)\n" in words
    assert "Rewarded: keeps the plan 1, length 0.3\n" in words
    assert "Prompts: 2 of your own; too few to hold some back: the shipped ones judge\n" in words
    assert "Scores" not in words
    assert talecraft_("train", "plan").out.count("more scores or choices are needed") == 1
    result = talecraft_("train", "run", *asked, "--seed", "3")
    assert result.code == 0, result.err
    (run,) = data(talecraft_, "train", "status")
    assert run["method"] == "rloo"
    folder = home().runs / run["run"]
    order = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    assert (order.method, order.ppo.rewards) == ("rloo", {"semantic": 1.0, "length": 0.3})
    found = evidence.read((folder / run_client.EPISODES).read_bytes().splitlines())
    assert found.prompts == ["A fox", "An owl"]
    assert (folder / run_client.IDF).read_bytes() == idf_file().read_bytes()
    assert stat.S_IMODE((folder / run_client.IDF).stat().st_mode) == 0o600


def test_the_settings_say_how_it_learns_where_nothing_else_is_asked(talecraft_: Talecraft) -> None:
    home().config.mkdir(parents=True)
    (home().config / "config.toml").write_text('[training]\nmethod = "rloo"\nrewards = "form=2"\n')
    plan = data(talecraft_, "train", "plan")
    assert (plan["method"], plan["rewards"], plan["refusal"]) == ("rloo", {"form": 2.0}, "")
    assert data(talecraft_, "train", "plan", "--method", "ppo")["method"] == "ppo"
    refused = talecraft_("config", "set", "training.rewards", "pace=2")
    assert (refused.code, "no reward 'pace'" in refused.err) == (2, True)
    assert talecraft_("config", "set", "training.rewards", "form=0.5, length").code == 0
    assert data(talecraft_, "train", "plan")["rewards"] == {"form": 0.5, "length": 1.0}
    (home().config / "config.toml").write_text('[training]\nrewards = "pace"\n')
    broken = talecraft_("train", "plan")
    assert broken.code == 2
    assert "training.rewards: There is no reward 'pace'." in broken.err


def test_a_reward_model_is_tried_where_it_is_asked_for(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(talecraft_)
    asked = ("--taste-model", "adapter")
    words = "A reward model is tried beside the taste head"
    assert words not in talecraft_("train", "plan").out
    assert f"{words}, and rewards only where it surely" in talecraft_("train", "plan", *asked).out
    assert data(talecraft_, "train", "plan", *asked)["trial_minutes"] > 0
    assert words not in talecraft_("train", "plan", *asked, "--method", "kto").out
    # What the head cannot tell the reward model may.
    monkeypatch.setenv("TINY_LOOK", "refused")
    talecraft_("feedback", "add", "24", "--stars", "1")
    assert "Not yet. I ordered 54%" in talecraft_("train", "plan").out
    unsure = talecraft_("train", "plan", *asked).out
    assert "Not yet" not in unsure
    assert "The head alone is not enough. I ordered 54%" in unsure
    assert talecraft_("train", "run", *asked, "--detach").code == 0
    (run,) = data(talecraft_, "train", "status")
    folder = home().runs / run["run"]
    order = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    assert order.ppo.taste_model == "adapter"
    wrong = talecraft_("train", "run", "--taste-model", "oracle")
    assert wrong.code == 2
    assert "auto, head, adapter" in wrong.err


def test_what_came_of_a_trial_is_one_line() -> None:
    told = run_events.TasteLearned(60, 6, 300, 0.58, 0.5, 0.66, False, "Dialogue.")
    assert describe(told) == "Dialogue."
    tried = msgspec.structs.replace(told, tried="A reward model was tried.")
    assert describe(tried) == "A reward model was tried."


def test_a_run_from_scores_to_rollback(talecraft_: Talecraft) -> None:
    scores(talecraft_)
    plan = data(talecraft_, "train", "plan")
    assert (plan["scores"], plan["stories"], plan["refusal"]) == (24, 1, "")
    planned = talecraft_("train", "plan")
    assert "Scores: 24 in 1 story" in planned.out
    assert "right 71% of the time on passages I had not seen. (40 pairs, 62% to 80%)" in planned.out
    assert "right 71%" not in talecraft_("train", "plan", "--no-look").out
    assert json.loads(talecraft_("train", "plan", "--json").out)["taste"]["opinions"] == 24
    result = talecraft_("train", "run", "--seed", "3", "--updates", "2")
    assert result.code == 0
    assert result.out.startswith("Adopted: It writes as you like it.\n")
    assert "win rate: 0.8 (bar >= 0.55)" in result.out
    assert "update 1/1: reward +0.50" in result.err
    (adapter,) = data(talecraft_, "adapters", "list")
    assert (adapter["state"], adapter["turns"]) == ("active", 0)
    (done,) = data(talecraft_, "train", "status")
    assert (done["state"], done["seed"], done["adapter"]) == ("adopted", 3, adapter["adapter"])
    assert done["outcome"]["state"] == "adopted"
    one = data(talecraft_, "train", "status", done["run"])
    assert [event["type"] for event in one["events"]] == ["phase", "step", "outcome"]
    assert talecraft_("train", "status", done["run"]).out == result.out
    drawn = talecraft_("train", "drawn", done["run"]).out.splitlines()
    assert drawn[0] == "1. reward +0.75 (taste +0.75, length -0.25); 0.5 nats; not learned from"
    assert drawn[1:3] == ["   - It sleeps", "   The fox slept."]
    assert data(talecraft_, "train", "drawn", done["run"], "--update", "1")["step"] == 1
    # It writes from now on; another may for once; and there is a way back.
    name = adapter["adapter"]
    assert json.loads(talecraft_("write", "--story", "1", "--json").out)["adapter"] == name
    bare = talecraft_("write", "--story", "1", "--json", "--adapter", "none")
    assert json.loads(bare.out)["adapter"] is None
    assert data(talecraft_, "adapters", "list")[0]["turns"] == 1
    assert "llama-ember now writes without an adapter" in talecraft_("adapters", "rollback").err
    once = talecraft_("write", "--story", "1", "--json", "--adapter", name[:5])
    assert json.loads(once.out)["adapter"] == name
    assert data(talecraft_, "adapters", "list")[0]["state"] == "retired"
    assert talecraft_("adapters", "use", name[:5]).code == 0
    assert data(talecraft_, "adapters", "list")[0]["state"] == "active"
    assert talecraft_("adapters", "use", "none").code == 0


def test_a_model_is_handed_on_for_llama_cpp(talecraft_: Talecraft, tmp_path: Path) -> None:
    place = tmp_path / "ember.gguf"
    made = talecraft_("adapters", "export", "none", str(place), "--as", "gguf", "--json")
    assert json.loads(made.out) == {
        "path": str(place),
        "form": "gguf",
        "bytes": place.stat().st_size,
        "precision": "F32",
    }
    assert place.read_bytes()[:4] == b"GGUF"
    plain = talecraft_("adapters", "export", "none", "--as", "gguf")
    assert plain.out.startswith(str(home().exports / "llama-ember-bare-gguf.gguf"))
    again = talecraft_("adapters", "export", "none", "--as", "gguf")
    assert (again.code, again.out) == (2, "")


def test_adapters_have_names_notes_and_an_end(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(talecraft_)
    for seed, end in (("1", "adopted"), ("2", "adopted"), ("3", "rejected")):
        monkeypatch.setenv("TINY_RUN", end)
        talecraft_("train", "run", "--seed", seed, "--updates", "1")
    first, second, third = (one["adapter"] for one in data(talecraft_, "adapters", "list"))
    assert "called 'harbour'" in talecraft_("adapters", "name", first[:6], "harbour").err
    assert talecraft_("adapters", "note", "harbour", "Too much [/salt].").code == 0
    shown = data(talecraft_, "adapters", "list")
    assert [(one["name"], one["parent"], one["depth"]) for one in shown] == [
        ("harbour", None, 0), ("", first, 1), ("", second, 2),
    ]  # fmt: skip
    assert shown[0]["note"] == "Too much [/salt]."
    lines = talecraft_("adapters", "list").out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == [
        "○ llama-ember as it came", "○ harbour", "●", "└─✗",
    ]  # fmt: skip
    assert lines[2].endswith("Too much [/salt].")
    # What it was learned from.
    story = talecraft_("adapters", "show", "harbour").out
    for words in (
        f"harbour {first}", "Note: Too much [/salt].", "Took over from: llama-ember as it came.",
        "seed 1", "ok  win rate: 0.8 (bar >= 0.55)", "before | before", "after  | after",
    ):  # fmt: skip
        assert words in story
    assert data(talecraft_, "adapters", "show", third)["evaluation"]["state"] == "rejected"
    # Deleting is asked for twice, and passed over on the way back.
    refused = talecraft_("adapters", "delete", "harbour")
    assert (refused.code, refused.out) == (2, "")
    assert "add --yes" in refused.err
    assert "one that writes" in talecraft_("adapters", "delete", second, "--yes").err
    assert talecraft_("adapters", "delete", "harbour", "--yes").code == 0
    assert "deleted" in talecraft_("adapters", "list").out.splitlines()[2]
    assert talecraft_("adapters", "use", first).code == 2
    back = talecraft_("adapters", "rollback").err
    assert "has been deleted" in back
    assert "now writes without an adapter" in back


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [("rejected", 0, "Not adopted: "), ("died", 1, "cut off"), ("damaged", 1, "Failed: ")],
)
def test_how_a_run_ends_is_its_exit_code(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch, end: str, code: int, words: str
) -> None:
    scores(talecraft_)
    monkeypatch.setenv("TINY_RUN", end)
    result = talecraft_("train", "run")
    assert result.code == code
    assert words in result.out
    assert data(talecraft_, "train", "status")[0]["state"] != "running"


def test_a_detached_run_is_stopped_and_settled_by_later_commands(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(talecraft_)
    monkeypatch.setenv("TINY_RUN", "wait")
    started = talecraft_("train", "run", "--detach")
    run_id = started.out.strip()
    assert started.code == 0
    assert data(talecraft_, "train", "status")[0]["state"] == "running"
    assert talecraft_("train", "status", run_id).out.startswith(f"Run {run_id} is going.\n")
    busy = talecraft_("train", "run")
    assert (busy.code, busy.out) == (3, "")
    assert talecraft_("train", "stop").code == 0
    from tests.support.tiny import until

    until(lambda: run_client.alive(home().runs) is None)
    assert data(talecraft_, "train", "status")[0]["state"] == "cancelled"


def test_a_run_is_paused_shows_an_example_and_goes_on(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ("pause", "sample"):
        nothing = talecraft_("train", command)
        assert (nothing.code, nothing.out) == (2, "")
        assert "No training run is going. Start one" in nothing.err
    scores(talecraft_)
    monkeypatch.setenv("TINY_RUN", "going")
    run_id = talecraft_("train", "run", "--detach").out.strip()
    from tests.support.tiny import until

    until(lambda: "'step'" in str(data(talecraft_, "train", "status", run_id)["events"]))
    shown = talecraft_("train", "sample")
    assert (shown.code, shown.out) == (
        0, "A gate.\n\nAs it writes now:\nIt is shut.\n\nAfter update 1:\nIt stands open.\n",
    )  # fmt: skip
    again = json.loads(talecraft_("train", "sample", "--json").out)
    assert again["sample"]["before"] == "It is shut."
    assert f"Run {run_id} was asked to pause" in talecraft_("train", "pause").err
    until(lambda: "paused; `talecraft train" in talecraft_("train", "status", run_id).out)
    assert "\nupdate 1/" in talecraft_("train", "status", run_id).out, "how far it is, too"
    late = talecraft_("train", "sample")
    assert (late.code, late.out) == (2, "")
    assert "is paused; the example comes when it goes on" in late.err
    resumed = talecraft_("train", "resume", "--detach")
    assert (resumed.code, resumed.out) == (0, f"{run_id}\n")
    until(lambda: "paused" not in talecraft_("train", "status", run_id).out)
    busy = talecraft_("train", "resume")
    assert (busy.code, busy.out) == (3, "")
    assert talecraft_("train", "stop").code == 0
    until(lambda: run_client.alive(home().runs) is None)
    assert data(talecraft_, "train", "status")[0]["state"] == "cancelled"


def test_a_plan_tells_what_room_there_is(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(talecraft_)
    monkeypatch.setattr(memory, "free_mb", lambda: 9000.0)
    plan = data(talecraft_, "train", "plan")
    assert (plan["free_mb"], plan["together"], plan["fits"]) == (9000.0, True, True)
    words = talecraft_("train", "plan").out
    assert "Memory: about 1.4 GB, 9.0 GB free\nBeside it, to write: about 618 MB\n" in words
    assert "Disk: about 23 MB, " in words
    monkeypatch.setattr(memory, "free_mb", lambda: 1500.0)
    assert "The engine sleeps while the run works" in talecraft_("train", "plan").out
    monkeypatch.setattr(memory, "free_mb", lambda: 600.0)
    refused = talecraft_("train", "run")
    assert (refused.code, refused.out) == (4, "")
    assert "A run does not fit: It needs about 1.4 GB of memory; 600 MB are free." in refused.err
    assert data(talecraft_, "train", "status") == []


def test_a_run_that_was_cut_off_goes_on(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(talecraft_)
    monkeypatch.setenv("TINY_RUN", "died")
    assert talecraft_("train", "run").code == 1
    monkeypatch.setenv("TINY_RUN", "adopted")
    resumed = talecraft_("train", "resume")
    assert resumed.code == 0
    assert resumed.out.startswith("Adopted: ")
    assert len(data(talecraft_, "train", "status")) == 1
    nothing = talecraft_("train", "resume")
    assert (nothing.code, nothing.out) == (2, "")
    assert "no run to go on with" in nothing.err


# ---------------------------------------------------------------------------- the rest
def test_paths(talecraft_: Talecraft, own_home: Path) -> None:
    found = data(talecraft_, "paths")
    assert found["library"] == str(own_home / "data" / "library.db")
    assert Path(found["shipped_models"]).is_file()
    assert not own_home.exists()  # asking makes nothing


def test_doctor(talecraft_: Talecraft, own_home: Path) -> None:
    result = talecraft_("doctor")
    assert result.code == 0
    assert "ok    engine        llama-ember loaded in" in result.out
    (own_home / "config").mkdir()
    (own_home / "config" / "config.toml").write_text("speed = 3\n")
    found = talecraft_("doctor", "--json")
    assert found.code == 1
    failed = [one["matter"] for one in json.loads(found.out) if one["state"] == "fail"]
    assert failed == ["settings"]


def test_demo(talecraft_: Talecraft, tmp_path: Path, own_home: Path) -> None:
    result = talecraft_("demo", "--stories", "3", "--turns", "8", "--keep", str(tmp_path / "kept"))
    assert result.code == 0
    assert result.out.count("\nBefore:\n") == result.out.count("\nAfter:\n") == 3
    assert "24 scores; 3 passages written by the new adapter." in result.out
    assert not own_home.exists()
    assert (tmp_path / "kept" / "data" / "library.db").is_file()
    again = talecraft_("demo", "--keep", str(tmp_path / "kept"))
    assert (again.code, again.out) == (2, "")


def test_a_demo_that_adopts_nothing_fails(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "rejected")
    result = talecraft_("demo", "--stories", "3", "--turns", "8")
    assert result.code == 1
    assert result.out.startswith("Not adopted: ")


def test_a_group_alone_shows_its_help(talecraft_: Talecraft) -> None:
    shown = talecraft_("models")
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("Usage: talecraft models")
    assert "\n  list " in shown.err


def test_version_and_help(talecraft_: Talecraft) -> None:
    assert talecraft_("--version").out == f"talecraft {talecraft.__version__}\n"
    shown = talecraft_("--help")
    assert shown.code == 0
    assert "Exit codes: 0 done; 1 failed; 2 wrong use" in shown.out
    for command in (
        "write",
        "stories",
        "feedback",
        "models",
        "train",
        "adapters",
        "paths",
        "doctor",
        "demo",
    ):
        assert f"  {command} " in shown.out
        assert talecraft_(command, "--help").code == 0


def test_a_preset_is_imported_used_and_deleted(talecraft_: Talecraft, tmp_path: Path) -> None:
    assert talecraft_("write", "A fox.").code == 0
    file = tmp_path / "tavern.json"
    file.write_text('{"temp": 1.3, "tfs": 0.5}')
    taken = talecraft_("presets", "import", str(file), "--name", "mine")
    assert (taken.code, taken.out) == (0, "mine: temperature 1.3\n")
    assert "no such sampler here: tfs" in taken.err
    assert "* " in next(
        one for one in talecraft_("presets", "list").out.splitlines() if " mine " in one
    )
    assert talecraft_("presets", "show", "mine").out == "From tavern.json.\ntemperature = 1.3\n"
    assert talecraft_("presets", "use", "1", "mine").code == 0
    assert talecraft_("write", "--story", "1").code == 0
    with Studio() as studio:
        story = studio.library.stories.get(1)
        path = studio.library.stories.tree(1).path(story.leaf_id)
        assert [one.generation.sampling.temperature for one in path if one.generation] == [0.8, 1.3]
    assert talecraft_("presets", "use", "1", "yours").code == 2
    assert talecraft_("presets", "delete", "wild").code == 2
    assert talecraft_("presets", "delete", "mine").code == 0


def test_a_library_is_carried_over(talecraft_: Talecraft, tmp_path: Path) -> None:
    """As rows, from a file, and what is none is one clear line."""
    with Studio() as studio:
        stories = studio.library.stories
        story = stories.create("T", "A \u2028fox.")
        stories.add_turn(story.id, None, "writer", "It slept\u0085 all day.")
    file = tmp_path / "all.jsonl"
    assert talecraft_("feedback", "export", "--as", "rows", "-o", str(file)).code == 0
    came = talecraft_("feedback", "import", str(file))
    assert (came.code, came.out) == (0, "")
    assert "1 stories, 1 passages, 0 opinions came." in came.err
    listed = json.loads(talecraft_("stories", "list", "--json").out)
    assert [one["title"] for one in listed].count("T") == 2
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"type":"talecraft"}\n{"type":"turn"}\n')
    refused = talecraft_("feedback", "import", str(wrong))
    assert (refused.code, refused.out) == (2, "")
    assert f"{wrong}:2: " in refused.err
    assert talecraft_("feedback", "import", str(tmp_path / "none")).code == 2


def test_opinions_from_elsewhere_are_taken_in_and_withdrawn(
    talecraft_: Talecraft, tmp_path: Path
) -> None:
    file = tmp_path / "pairs.jsonl"
    rows = [
        {"prompt": f"A fox {n % 6}", "chosen": f"Good {n}.", "rejected": f"Bad {n}."}
        for n in range(24)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    came = talecraft_("feedback", "import", str(file))
    assert (came.code, "24 opinions came, as batch 1." in came.err) == (0, True)
    plan = data(talecraft_, "train", "plan")
    assert (plan["choices"], plan["elsewhere"], plan["refusal"]) == (24, 6, "")
    (batch,) = data(talecraft_, "feedback", "brought")
    assert (batch["opinions"], batch["name"], batch["withdrawn"]) == (24, str(file), False)
    assert talecraft_("feedback", "brought", "--withdraw", "1").code == 0
    assert data(talecraft_, "train", "plan")["choices"] == 0
    assert "withdrawn" in talecraft_("feedback", "brought").out
    assert talecraft_("feedback", "brought", "--withdraw", "7").code == 2
