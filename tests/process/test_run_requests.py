"""What a run is asked, and the sign that somebody writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from talecraft.process import run_requests
from talecraft.process.run_requests import CONTROL, EXAMPLE, PAUSE, WritingLookout, WritingSign

HOLDER = """
import sys, time
from pathlib import Path
from talecraft.process.run_requests import WritingSign
WritingSign(Path(sys.argv[1])).show(True)
print("up", flush=True)
time.sleep(600)
"""


def test_no_request_undoes_another(tmp_path: Path) -> None:
    for request in (PAUSE, CONTROL, EXAMPLE):
        run_requests.ask(tmp_path, request)
    assert run_requests.withdraw(tmp_path, PAUSE)
    assert not run_requests.withdraw(tmp_path, PAUSE)
    assert run_requests.asked(tmp_path, CONTROL)
    assert run_requests.asked(tmp_path, EXAMPLE)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_the_sign_stands_as_long_as_anybody_writes(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    lookout = WritingLookout(runs)
    assert not lookout.writing
    one, other = WritingSign(runs), WritingSign(runs)
    one.show(True)
    one.show(True)
    other.show(True)
    one.show(False)
    assert lookout.writing
    other.show(False)
    other.show(False)
    assert not lookout.writing
    one.show(True)
    assert lookout.writing, "a look leaves no lock behind"
    one.show(False)


def test_the_sign_falls_with_a_program_that_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    lookout = WritingLookout(tmp_path)
    assert lookout.writing
    holder.kill()
    holder.wait()
    assert not lookout.writing


def test_where_the_sign_cannot_be_put_up_writing_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    WritingSign(tmp_path / "file" / "runs").show(True)
