"""The environment every torch child gets, before torch is imported in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

LAUNCHED = "TALECRAFT_LAUNCHED"  # tells a run that a launcher was asked for, and by which process


def torch_threads() -> int:
    """How many cores torch has in a child: all but one, which stays free for the page, or as many
    as `OMP_NUM_THREADS` says."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]  # more of them are for nested loops
    return int(asked) if asked.isdigit() and int(asked) else max(1, (os.cpu_count() or 2) - 1)


def child_environment(background: bool = False, launched: bool = False) -> dict[str, str]:
    """A copy of ours with threads, network and logging set for a child.

    Two busy threads on two cores slow torch up to tenfold (LEARNING 0.5). Nothing is fetched at run
    time. Where the child is a launcher (`launched`), it knows how many threads each of its
    processes should have; it is looked for beside our own interpreter first.
    """
    env = dict(os.environ)
    env.update(
        OMP_WAIT_POLICY="PASSIVE",
        OMP_NUM_THREADS=str(torch_threads()),
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TRANSFORMERS_VERBOSITY="error",
        TOKENIZERS_PARALLELISM="false",
        # bitsandbytes wraps functions that nobody here calls in torch.compile as it is imported,
        # and the compiler's own import is a fifth of what a child spends before it begins.
        TORCHDYNAMO_DISABLE="1",
        PYTHONUNBUFFERED="1",
        PYTHONIOENCODING="utf-8",
    )
    if launched:
        env[LAUNCHED] = str(os.getpid())
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
        if "OMP_NUM_THREADS" not in os.environ:
            del env["OMP_NUM_THREADS"]
    if background:
        env["TALECRAFT_BACKGROUND"] = "1"
    return env
