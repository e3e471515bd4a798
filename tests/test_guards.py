"""The guards that every test stands under do hold."""

from __future__ import annotations

import os
import socket

import pytest

from tests.conftest import NetworkTouched


def test_no_test_can_reach_the_network() -> None:
    with socket.socket() as outside, pytest.raises(BaseException, match="connect to") as caught:
        outside.connect(("192.0.2.1", 80))
    assert type(caught.value).__name__ == NetworkTouched.__name__
    with pytest.raises(BaseException, match=r"look-up of 'huggingface\.co'"):
        socket.getaddrinfo("huggingface.co", 443)


def test_this_machine_can_be_reached() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname()):
            pass


def test_one_core_is_left_and_nothing_is_fetched() -> None:
    assert int(os.environ["OMP_NUM_THREADS"]) == max(1, (os.cpu_count() or 2) - 1)
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["HF_HUB_OFFLINE"] == "1"
