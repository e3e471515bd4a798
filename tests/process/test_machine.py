"""A machine is measured once, and again when what it depends on has changed."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from talecraft.errors import EngineError
from talecraft.paths import home
from talecraft.process import machine
from tests.support import tiny


def test_what_was_measured_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.known(home()) is None
    monkeypatch.setattr(machine, "COMMAND", tiny.PROBE)
    found = machine.measure(home())
    assert found == msgspec.structs.replace(machine.typical(), measured=True)
    assert machine.known(home()) == found
    monkeypatch.setattr(machine, "__version__", "another")
    assert machine.known(home()) is None


def test_a_kept_file_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "COMMAND", tiny.PROBE)
    machine.measure(home())
    (home().cache / machine.KEPT).write_text("[")
    assert machine.known(home()) is None


def test_a_child_that_fails_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; sys.exit('no such thing')"
    monkeypatch.setattr(machine, "COMMAND", (sys.executable, "-c", code))
    with pytest.raises(EngineError, match="could not be measured: no such thing"):
        machine.measure(home())
    assert machine.known(home()) is None


def test_the_real_probe_tells_of_this_machine() -> None:
    found = machine.measure(home())
    assert found.measured
    assert 150 < found.engine < found.run < 3000
    assert 2 < found.extras < 1000
    assert 0.8 <= found.heap <= 1.6


@pytest.mark.parametrize(
    ("text", "native"),
    [
        ("processor: 0\nflags\t\t: fpu avx512f avx512_bf16 sse\n", True),
        ("flags\t\t: fpu amx_bf16\n", True),
        ("Features\t: fp asimd bf16\n", True),
        ("flags\t\t: fpu avx2 f16c\n", False),
        ("processor: 0\n", False),
    ],
)
def test_a_cpu_tells_whether_it_has_bfloat16(tmp_path: Path, text: str, native: bool) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert machine.native_bfloat16(tmp_path / "cpuinfo") is native
    assert machine.native_bfloat16(tmp_path / "nowhere") is False
