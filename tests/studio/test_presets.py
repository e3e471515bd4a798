"""A story's preset: what is asked of the engine by it, and presets of other programs."""

import json

import pytest

from talecraft.config.presets import Preset
from talecraft.errors import UsageError
from talecraft.studio import Studio


@pytest.fixture
def studio(own_home):
    with Studio() as one:
        yield one


def sampling(studio, story):
    return studio._prompting(studio.library.stories.get(story.id))[1].sampling(0)


def test_a_story_draws_by_its_own_preset_and_no_other_does(studio):
    first, second = (studio.writing.new_story(one) for one in ("A fox", "An owl"))
    usual = sampling(studio, first)
    studio.drawing.use(first.id, "wild")
    assert sampling(studio, first).xtc_probability == 0.5
    assert sampling(studio, first).dry_multiplier == usual.dry_multiplier
    assert sampling(studio, second) == usual
    assert studio._prompting()[1].sampling(0) == usual, "rounds and training are the settings'"
    studio.drawing.use(first.id, "")
    assert sampling(studio, first) == usual


def test_a_preset_that_is_no_more_is_none(studio):
    story = studio.writing.new_story("A fox")
    studio.drawing.presets.keep(Preset("mine", temperature=1.4))
    studio.drawing.use(story.id, "mine")
    assert sampling(studio, story).temperature == 1.4
    studio.drawing.presets.drop("mine")
    assert sampling(studio, story).temperature == 0.8
    with pytest.raises(UsageError, match="no preset 'mine'"):
        studio.drawing.use(story.id, "mine")
    with pytest.raises(UsageError, match="no story 99"):
        studio.drawing.use(99, "wild")


TAVERN = {
    "temp": 1.15, "temperature_last": True, "top_p": 0.95, "top_k": 40, "top_a": 0, "tfs": 0.9,
    "typical": 1, "min_p": 0.02, "rep_pen": 1.05, "rep_pen_range": 1024, "dry_multiplier": 0.8,
    "dry_base": 1.75, "dry_allowed_length": 2, "dry_sequence_breakers": '["\\n"]',
    "xtc_threshold": 0.1, "xtc_probability": 0.4, "mirostat_mode": 0, "smoothing_factor": 0,
    "banned_tokens": '"a testament to"\n"shivers down"\n[12, 13]',
    "logit_bias": [
        {"id": "1", "text": " suddenly", "value": -3}, {"id": "2", "text": "[1, 2]", "value": -9},
    ],
}  # fmt: skip


def test_sillytaverns(studio, tmp_path):
    file = tmp_path / "My Tavern.json"
    file.write_text(json.dumps(TAVERN))
    preset, left = studio.drawing.take_in(file)
    assert preset == Preset(
        "My Tavern", "From My Tavern.json.", temperature=1.15, top_k=40, top_p=0.95, min_p=0.02,
        typical_p=1, xtc_probability=0.4, xtc_threshold=0.1, repetition_penalty=1.05,
        dry_multiplier=0.8, dry_base=1.75, dry_allowed_length=2,
        banned=["a testament to", "shivers down"], bias={"suddenly": -3.0},
    )  # fmt: skip
    assert left == ["tfs"]
    with Studio() as again:
        assert again.drawing.presets["My Tavern"] == preset


def test_what_is_off_is_no_reason_to_refuse_and_all_is_all(studio, tmp_path):
    file = tmp_path / "Deterministic.json"
    off = {"temp": 0, "top_p": 0, "top_k": 0, "xtc_probability": 0, "xtc_threshold": 0,
           "dry_multiplier": 0, "dry_allowed_length": 0, "freq_pen": 0.7}  # fmt: skip
    file.write_text(json.dumps(off))
    preset, left = studio.drawing.take_in(file)
    assert preset.values == {
        "temperature": 0, "top_k": 0, "xtc_probability": 0, "dry_multiplier": 0
    }  # fmt: skip
    assert left == ["freq_pen"]


def test_hostile_letters_are_left_out(studio, tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text('temp: 1\nbanned_tokens: ["a \\e[2Jb"]\n')
    preset, _ = studio.drawing.take_in(file)
    assert preset.banned == ["a b"]
    with pytest.raises(UsageError, match="no name for a preset"):
        studio.drawing.take_in(file, "as the settings say")


def test_a_preset_that_came_since_is_found(studio):
    story = studio.writing.new_story("A fox")
    with Studio() as other:
        other.drawing.presets.keep(Preset("late", temperature=1.5))
        other.drawing.use(story.id, "late")
    assert sampling(studio, story).temperature == 1.5


def test_koboldais_and_the_web_uis(studio, tmp_path):
    kobold = tmp_path / "kobold.settings"
    kobold.write_text(json.dumps({"presetname": "x", "temp": 0.7, "top_k": 0, "typical": 0.9}))
    preset, left = studio.drawing.take_in(kobold, "Kobold")
    assert preset.values == {"temperature": 0.7, "top_k": 0, "typical_p": 0.9}
    assert not left
    web = tmp_path / "min_p.yaml"
    web.write_text("temperature: 1\ntop_p: 1\nmin_p: 0.1\ntop_k: -1\nmirostat_mode: 2\n")
    preset, left = studio.drawing.take_in(web)
    assert preset.values == {"temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0.1}
    assert left == ["mirostat_mode"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"temp": 9}', "expected float <= 5.0 (temperature)"),
        ('{"temp": "hot"}', "no sampler is set there"),
        ("[1, 2]", "no preset"),
        ("a: [", "neither JSON nor YAML"),
        ("a: 2020-13-45", "neither JSON nor YAML"),
        ("[" * 100_000, "neither JSON nor YAML"),
        ('{"temp": ' + "9" * 5000 + "}", "JSON"),
        ("top_k: .inf", "no sampler is set there"),
        ("dry_allowed_length: .nan", "no sampler is set there"),
        ('{"temp": 1, "logit_bias": [{"text": "' + "x" * 60 + '", "value": 1}]}', "(bias)"),
        ("!!python/object/apply:os.system ['true']", "neither JSON nor YAML"),
    ],
)
def test_what_is_no_preset_is_told_in_a_line(studio, tmp_path, text, words):
    file = tmp_path / "p.json"
    file.write_text(text)
    with pytest.raises(UsageError) as error:
        studio.drawing.take_in(file)
    assert words.lower() in str(error.value).lower()
    assert "\n" not in str(error.value)
    with pytest.raises(UsageError, match="no such file"):
        studio.drawing.take_in(tmp_path / "none.json")
