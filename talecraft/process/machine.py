"""What this machine is like for a model: measured once by a child with torch, and kept.

What was measured is kept in the cache folder, by the versions of all that it depends on.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import msgspec

from talecraft import __version__
from talecraft.errors import EngineError
from talecraft.paths import Home, private_folder, private_write
from talecraft.process.environment import child_environment

COMMAND = (sys.executable, "-m", "talecraft.learning.probe")
KEPT = "machine.json"
MOST_SECONDS = 300
_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}  # of x86, and of ARM
_DEPENDS_ON = ("torch", "transformers", "peft", "bitsandbytes", "numba")


class Machine(msgspec.Struct, frozen=True):
    """Memory in MB: what an `engine` and a `run` hold before there is a model in them, what peft
    and bitsandbytes (`extras`) add to an engine that has an adapter or a quantised model; `heap`:
    of what a training step's tensors fill, how many times as much its process takes.

    `device` is where torch computes ("cpu" or "cuda"), `native` whether the CPU multiplies in
    bfloat16; `gpu` and `gpu_free` are all of a GPU's memory and what was free of it.
    """

    engine: float
    run: float
    extras: float
    heap: float
    device: str
    native: bool
    gpu: float = 0.0
    gpu_free: float = 0.0
    measured: bool = True


def typical() -> Machine:
    """What was measured on one machine with Linux and no GPU, where none was measured here."""
    return Machine(
        engine=529.0,
        run=544.0,
        extras=12.0,
        heap=1.05,
        device=_likely_device(),
        native=native_bfloat16(),
        measured=False,
    )


def known(home: Home) -> Machine | None:
    """What was measured here before with what is installed now; None where nothing was."""
    try:
        kept = msgspec.json.decode((home.cache / KEPT).read_bytes(), type=dict[str, Machine])
    except (OSError, msgspec.MsgspecError):
        return None
    return kept.get(_key())


def measure(home: Home) -> Machine:
    """Measure this machine, some ten seconds of one core, and keep what was found.

    Raises EngineError where the child fails, LibraryError where it cannot be kept.
    """
    try:
        ended = subprocess.run(
            COMMAND,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environment(background=True),
            timeout=MOST_SECONDS,
            check=False,
        )
        found = msgspec.json.decode(ended.stdout.strip().rpartition(b"\n")[2], type=Machine)
    except subprocess.TimeoutExpired as error:
        raise EngineError("This machine could not be measured in five minutes.") from error
    except msgspec.MsgspecError as error:
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise EngineError(
            f"This machine could not be measured: {last[0]}", "Run `talecraft doctor`."
        ) from error
    private_write(private_folder(home.cache) / KEPT, msgspec.json.encode({_key(): found}))
    return found


def _key() -> str:
    """Changes with whatever may change what was measured."""
    parts = [__version__, sys.version, _likely_device()]
    for name in _DEPENDS_ON:
        try:
            parts.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            parts.append(f"no {name}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _likely_device() -> str:
    """Where torch will compute, told without importing it."""
    try:
        on_cpu_only = metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return "cpu"
    return "cuda" if not on_cpu_only and Path("/dev/nvidiactl").exists() else "cpu"


def native_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Does this CPU multiply in bfloat16, as the kernel tells it? False where it does not tell."""
    try:
        with cpuinfo.open() as lines:
            for line in lines:
                name, _, flags = line.partition(":")
                if name.strip() in ("flags", "Features"):
                    return not _FLAGS.isdisjoint(flags.split())
    except (OSError, ValueError):
        pass
    return False
