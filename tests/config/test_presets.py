"""Presets in their file: read strictly, kept with what the writer wrote beside them."""

import pytest

from talecraft.config.presets import Preset, Presets
from talecraft.config.settings import WritingSettings
from talecraft.errors import ConfigError, UsageError
from talecraft.paths import home


@pytest.fixture
def file(own_home):
    here = home().config / "presets.toml"
    here.parent.mkdir(parents=True, exist_ok=True)
    return here


def test_ours_are_there_and_sound(own_home):
    presets = Presets(home())
    assert list(presets) == ["steady", "lively", "wild"]
    for one in presets.values():
        assert one.values
        assert one.about
        assert not presets.is_own(one.id)
        assert one.over(WritingSettings()) != WritingSettings()


def test_what_a_preset_does_not_name_is_as_the_settings_have_it(own_home):
    mine = WritingSettings(temperature=0.3, top_k=17, banned=["x"])
    over = Preset("one", temperature=1.2, bias={"the": -1.0}).over(mine)
    assert (over.temperature, over.top_k, over.banned, over.bias) == (1.2, 17, ["x"], {"the": -1.0})


def test_ones_own_is_kept_replaced_and_dropped_and_comments_stay(file):
    file.write_text('# mine\n[[preset]]\nid = "a"\ntemperature = 0.5\n')
    presets = Presets(home())
    presets.keep(Preset("b", "About.", top_k=3, bias={"the": -1.0}, banned=["x y"]))
    presets.keep(Preset("steady", temperature=0.1))
    again = Presets(home())
    assert list(again) == ["steady", "lively", "wild", "a", "b"]
    assert again["b"] == presets["b"] == Preset(
        "b", "About.", top_k=3, bias={"the": -1.0}, banned=["x y"]
    )  # fmt: skip
    assert again["steady"].temperature == 0.1
    assert again.is_own("steady")
    assert file.read_text().startswith("# mine\n")
    assert file.stat().st_mode & 0o777 == 0o600
    again.drop("steady")
    again.drop("a")
    assert Presets(home())["steady"].temperature == 0.6
    assert list(Presets(home())) == ["steady", "lively", "wild", "b"]


def test_presets_on_one_line_are_changed_too(file):
    file.write_text('preset = [{id = "a", temperature = 0.5}]\n')
    presets = Presets(home())
    presets.keep(Preset("b", top_k=2))
    assert list(Presets(home()))[-2:] == ["a", "b"]


def test_a_broken_file_stops_the_program_before_anything_is_made(file):
    from talecraft.studio import Studio

    file.write_text("nonsense = 1\n")
    with pytest.raises(ConfigError, match="unknown field 'nonsense'"):
        Studio()
    assert not home().library.exists()


def test_what_is_not_ones_own_is_not_dropped(own_home):
    with pytest.raises(UsageError, match="came with Talecraft"):
        Presets(home()).drop("wild")
    with pytest.raises(UsageError, match="not there"):
        Presets(home()).drop("nothing")
    with pytest.raises(UsageError, match="no preset 'nothing'"):
        Presets(home()).find("nothing")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[preset]]\nid = "a"\ntemprature = 1\n', 3, "unknown field 'temprature'"),
        ('[[preset]]\nid = "a"\n[[preset]]\nid = "b"\ntop_k = -1\n', 5, "expected 'int' >= 0"),
        ("[[preset]]\ntop_k = 1\n", 1, "missing required field 'id'"),
        ('[[preset]]\nid = "a"\n\n[[preset]]\nid = "a"\n', 5, "'a' stands there twice"),
        ('[[preset]]\nid = "a"\ntop_p = = 1\n', 3, "Invalid value"),
        ('[[preset]]\nid = "a"\nbias = {a = 1000}\n', 3, "preset 'a': expected 'float' <= 100.0"),
        ('[[preset]]\nid = "a"\nbias = {a = "x"}\n', 3, "got 'str' (a)"),
        ('[[preset]]\nid = "a"\n[[preset]]\nid = "b"\nbanned = ["x", 3]\n', 5, "preset 'b'"),
    ],
)
def test_errors_name_their_line(file, text, line, words):
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        Presets(home())
    assert f"presets.toml:{line}: " in str(error.value)
    assert words in str(error.value)
