"""For every test: a home of its own, no network, and one core left for the page.

Set before anything imports torch: threads cannot be changed reliably afterwards.
"""

from __future__ import annotations

import gc
import itertools
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# How quickly texts can be made up is no property of the program, on a machine with other work.
hypothesis.settings.register_profile(
    "talecraft", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("talecraft")

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
# Beside other workers each has one thread.
THREADS = 1 if "PYTEST_XDIST_WORKER" in os.environ else max(1, (os.cpu_count() or 2) - 1)
os.environ["OMP_NUM_THREADS"] = str(THREADS)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["TORCHDYNAMO_DISABLE"] = "1"  # as in every child: its import is slow
# A shell's background job ignores Ctrl+C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("COLUMNS", "LINES"):  # of the terminal that the tests are started in
    os.environ.pop(name, None)


# The collector is a fifth of the suite's time: it looks through torch, Textual and every screen
# there was, again and again. Here what a module finds is looked through once, and what its tests
# leave (screens, and the files that these hold) after every few of them.
gc.set_threshold(200_000, 50, 100)
EVERY = 6  # tests
_tests = itertools.count(1)


@pytest.fixture(scope="module", autouse=True)
def _frozen() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    if next(_tests) % EVERY == 0:
        gc.collect()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rounds",
        type=int,
        help="how often the kill tests kill (the suite: a few times; see CONTRIBUTING.md)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `nth` runs once for each of its rounds: (number, of how many)."""
    if "nth" in metafunc.fixturenames:
        (few,) = (mark.args[0] for mark in metafunc.definition.iter_markers("rounds"))
        many = metafunc.config.getoption("rounds") or few
        metafunc.parametrize("nth", [(n, many) for n in range(many)], ids=lambda nth: str(nth[0]))


# What takes long begins first, so that no worker is left alone with it at the end.
LONG = ("test_end_to_end.py", "learning/test_run.py", "learning/test_ppo.py", "test_kills.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((at for at, name in enumerate(LONG) if path.endswith(name)), len(LONG))

    items.sort(key=rank)
    if any(item.get_closest_marker("gpu") for item in items) and not _has_gpu():
        skipped = pytest.mark.skip(reason="there is no CUDA device")
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(skipped)


def _has_gpu() -> bool:
    import torch  # not before the environment above is set

    return torch.cuda.is_available()


LOOPBACK = {"localhost", "127.0.0.1", "::1", None, ""}


class NetworkTouched(BaseException):
    """Not an Exception: nothing that falls back quietly may swallow it."""


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TALECRAFT_HOME of this test; the user's own is never opened."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TALECRAFT_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection or a name look-up beyond this machine fails the test."""

    def guard(name: str) -> None:
        original = getattr(socket.socket, name)

        def connect(self: socket.socket, address: object, *rest: object) -> object:
            local = self.family == socket.AF_UNIX
            if not local and not (isinstance(address, tuple) and address[0] in LOOPBACK):
                raise NetworkTouched(f"{name} to {address}")
            return original(self, address, *rest)

        monkeypatch.setattr(socket.socket, name, connect)

    for name in ("connect", "connect_ex"):
        guard(name)
    look_up = socket.getaddrinfo

    def getaddrinfo(host: object, *rest: object, **named: object) -> object:
        if host not in LOOPBACK:
            raise NetworkTouched(f"look-up of {host!r}")
        return look_up(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
