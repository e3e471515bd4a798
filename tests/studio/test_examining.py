"""Models side by side, as text."""

import msgspec
import pytest

from talecraft.errors import UsageError
from talecraft.process.exam import Examined
from talecraft.studio import Studio, examining
from talecraft.studio.examining import BAR, MEASURES, bars

ONE = Examined(20.0, 1.5, 0.6, 0.1, 0.02, 1.0, 0.02, 70.0, 400.0, 12, "cpu", "float32")


def measure(title):
    return next(one for one in MEASURES if one.title == title)


def test_the_longest_bar_is_the_largest_value_and_the_best_is_named():
    two = msgspec.structs.replace(ONE, bits=3.0, speed=70.2)
    lines = bars(["ember", "other"], [ONE, two], measure("bits a character"))
    assert lines[0] == "bits a character (less is better)"
    assert lines[1] == f"  ember  {('█' * (BAR // 2)).ljust(BAR)}  1.50  best"
    assert lines[2] == f"  other  {'█' * BAR}  3.00"


def test_what_reads_alike_has_no_best():
    two = msgspec.structs.replace(ONE, speed=70.2)
    lines = bars(["a", "b"], [ONE, two], measure("tokens a second"))
    assert not any("best" in line for line in lines[1:])
    nothing = msgspec.structs.replace(ONE, repeated=0.0)
    lines = bars(["a", "b"], [nothing, nothing], measure("repeated 4-grams"))
    assert lines[1].split() == ["a", "0.0%"]


def test_only_installed_models_are_measured():
    with Studio() as studio:
        assert [one.id for one in examining.installed(studio, [])] == ["llama-ember"]
        with pytest.raises(UsageError, match="GPT-2 is not installed"):
            examining.installed(studio, ["llama-ember", "gpt2"])
        with pytest.raises(UsageError, match="first lines, not 900"):
            examining.examine(studio, studio.model, 900, 1, lambda done: None)
