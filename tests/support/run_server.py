"""Training runs in seconds: forked from a process that has loaded everything a run imports.

Each is the real program of a run in a process of its own. Asked over a Unix socket, a line of JSON
each: {"folder": ..., "die_at": beat, "breaks": ..., "processes": n}; answers {"pid": ...}, and when
the run is over {"code": ..., "beats": [...], "others": [...]}: the others' codes, where several
`processes` carry it out together. A descriptor sent along (the trainers' lock) is held by the run.

`beats` are the moments of a run's life at which it can be made to die by its own hand, SIGKILL.
They are numbered by kind: "file 3 open config.json" for every file it opens, renames, removes or
makes in its folder or its model's; "line 5 before Step", and after; "token 80" for every time it
looks whether it is to stop, which is at least once a token and a minibatch.
`breaks`: "nan" makes the reward not a number from the second update on; "other" has the second
process fail there.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

FILES = ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod")


def serve(path: str, model_folder: str, *more: str) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    import talecraft.learning.run  # noqa: F401 - loaded before the forks, not in each of them

    for name in more:
        importlib.import_module(name)
    AutoTokenizer.from_pretrained(model_folder)
    AutoModelForCausalLM.from_pretrained(model_folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            with connection:
                answer(connection)


def answer(connection: socket.socket) -> None:
    data, fds, _, _ = socket.recv_fds(connection, 65536, 4)
    if not data:
        return
    order = json.loads(data)
    company = together(order.get("processes", 1))
    with tempfile.TemporaryFile() as beats:
        pids = []
        for environment in company:
            pids.append(os.fork())
            if pids[-1] == 0:
                os.environ.update(environment)
                run(order, beats.fileno(), main=len(pids) == 1)
        for one in fds:
            os.close(one)
        say(connection, {"pid": pids[0]})
        code, *others = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        beats.seek(0)
        told = beats.read().decode().splitlines()
    say(connection, {"code": code, "beats": told, "others": others})


def together(processes: int) -> list[dict[str, str]]:
    """What a launcher tells each of its processes by its environment; one is told nothing."""
    if processes == 1:
        return [{}]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alike = {
        "WORLD_SIZE": str(processes), "LOCAL_WORLD_SIZE": str(processes),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true",
        "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    return [{**alike, "RANK": str(one), "LOCAL_RANK": str(one)} for one in range(processes)]


def say(connection: socket.socket, what: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever asked did not wait
        connection.sendall(json.dumps(what).encode() + b"\n")


def run(order: dict[str, Any], beats: int, main: bool) -> None:
    """In the child: be the run, or a process beside the main one."""
    code = 70
    try:
        folder = Path(order["folder"])
        log = os.open(folder / "run.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        break_it(order.get("breaks", ""), main)
        if main:
            count_beats(order, folder, beats)
        from talecraft.learning import run as program

        sys.argv = ["run", str(folder)]
        code = program.main()
    finally:
        os._exit(code)


def count_beats(order: dict[str, Any], folder: Path, beats: int) -> None:
    """Tell each beat, and die at the one asked for."""
    from talecraft.learning.events import Events

    counts = dict.fromkeys(("file", "line", "token"), 0)
    model = json.loads((folder / "settings.json").read_bytes())["model"]["folder"]
    watched = (str(folder), model)

    def beat(kind: str, what: str = "") -> None:
        counts[kind] += 1
        os.write(beats, f"{kind} {counts[kind]} {what}".rstrip().encode() + b"\n")
        if f"{kind} {counts[kind]}" == order.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILES and arguments and str(arguments[0]).startswith(watched):
            beat("file", f"{event} {Path(str(arguments[0])).name}")

    alive, send = Events.alive, Events.send

    def told_alive(self: Events) -> None:
        beat("token")
        alive(self)

    def told_send(self: Events, event: Any) -> None:
        beat("line", f"before {type(event).__name__}")
        send(self, event)
        beat("line", f"after {type(event).__name__}")

    Events.alive, Events.send = told_alive, told_send  # type: ignore[method-assign]
    sys.addaudithook(heard)


def break_it(how: str, main: bool) -> None:
    """Spoil the program before it runs."""
    if how == "other" and not main:
        from talecraft.learning.ppo import Ppo

        roll_out = Ppo._roll_out

        def fails(self: Ppo, number: int) -> Any:
            if number >= 2:
                raise ValueError("the other one fails")
            return roll_out(self, number)

        Ppo._roll_out = fails  # type: ignore[method-assign]
    if how == "nan":
        from talecraft.learning.ppo import Ppo
        from talecraft.learning.rewards.total import Reward

        experience, reward = Ppo._experience, Reward.__call__
        update = 0

        def told(self: Ppo, sampled: Any, number: int) -> Any:
            nonlocal update
            update = number
            return experience(self, sampled, number)

        def spoiled(self: Reward, *given: Any) -> Any:
            valued = reward(self, *given)
            if update >= 2:
                valued.total.fill_(float("nan"))
            return valued

        Ppo._experience = told  # type: ignore[method-assign]
        Reward.__call__ = spoiled  # type: ignore[method-assign]


def ask(path: str, order: dict[str, Any], *fds: int) -> socket.socket:
    """Ask the server at `path` for a run; its answers come over what is returned."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    socket.send_fds(connection, [json.dumps(order).encode()], fds)
    return connection


def main() -> None:
    """`serve SOCKET MODEL [MODULE ...]`; or, as the command that launches a run: `launch SOCKET
    [BREAKS] RUN`, which hands on every descriptor it was given and does not wait for the end."""
    what, path, *rest = sys.argv[1:]
    if what == "serve":
        serve(path, *rest)
        return
    given = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2]
    locks = [fd for fd in given if "trainer.lock" in os.path.realpath(f"/proc/self/fd/{fd}")]
    breaks = rest[0] if len(rest) > 1 else ""
    with ask(path, {"folder": rest[-1], "breaks": breaks}, *locks) as connection:
        connection.recv(4096)


if __name__ == "__main__":
    main()
