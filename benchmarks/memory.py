"""Peak memory to load, to write and to train, measured, against what Talecraft says beforehand.

python -m benchmarks.memory [--only MODEL] [--quick] [--kept]

The bundled model, random weights in GPT-2's shape (124 M) and in a Llama's (300 M, several files),
in each precision. What was measured is kept under .cache/memory, so that it can be gone on with
after it was stopped; `--quick` leaves out training in bfloat16, which a CPU that only imitates it
takes half an hour for; `--kept` measures nothing more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass

import msgspec

from benchmarks import report
from benchmarks.memory_work import STYLE, peak_mb
from benchmarks.report import Row
from benchmarks.subjects import CACHE, child, environment, folder
from talecraft.paths import Home
from talecraft.process import machine, messages
from talecraft.process.messages import Failed, Finished, Generate, Load, Loaded, ModelRef
from talecraft.process.run_events import PpoSettings
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from talecraft.studio.fit import QUANTISATIONS
from talecraft.studio.needs import Needs, Shape

THREADS = 1
BAR = 0.15  # between estimate and peak
LOADING = 1.3  # times the size as nf4, and one file
USUAL = PpoSettings(
    updates=1, epochs=1, minibatch=8, reference_samples=32, kl_target=1e9, approx_kl_stop=1e9
)
SHORT = msgspec.structs.replace(
    USUAL, batch=4, minibatch=4, micro_batch=4, outline_tokens=8, prose_tokens=24,
    prompt_tokens=64, reference_samples=20,
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """`window` in tokens is what is written with, `settings` what is trained with."""

    name: str
    title: str
    window: int
    rank: int
    settings: PpoSettings


MODELS = [
    Model("bundled", "Llama Ember", 1024, 8, USUAL),
    Model("gpt2", "GPT-2, 124 M", 512, 16, SHORT),
    Model("llama", "Llama, 300 M", 512, 16, SHORT),
]


def write(model: Model, quantisation: str) -> tuple[float, float]:
    """The peaks, in MB, of the real engine: when it has loaded, and with its window full."""
    with subprocess.Popen(
        [sys.executable, "-m", "talecraft.engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(THREADS),
    ) as engine:
        assert engine.stdin is not None
        assert engine.stdout is not None
        ref = ModelRef("measured", "1", str(folder(model.name)), quantisation, model.window, STYLE)
        # Words that the invented vocabularies do not have are a token each.
        text = Block("the cat sat by the river and waited for " * (model.window // 4))
        asked = Generate(1, [text], Sampling(seed=1, outline_tokens=8, prose_tokens=32))
        found = []
        for command, kind in ((Load(ref), Loaded), (asked, Finished)):
            engine.stdin.write(messages.encode(command) + b"\n")
            engine.stdin.flush()
            for line in engine.stdout:
                event = messages.decode_event(line)
                if isinstance(event, Failed):
                    raise RuntimeError(f"{event.message} {event.hint}")
                if isinstance(event, kind):
                    break
            found.append(peak_mb(engine.pid))
        engine.kill()
    return found[0], found[1]


def train(model: Model, quantisation: str) -> float:
    settings = msgspec.json.encode(model.settings).decode()
    given = [str(folder(model.name)), quantisation, str(model.window), str(model.rank), settings]
    return float(child("memory_work", "train", *given, threads=THREADS))


def measured(model: Model, quantisation: str, kind: str, kept_only: bool) -> list[float]:
    """Measured now, or before; nothing where it was not and is not to be."""
    kept = CACHE / f"{model.name}-{quantisation}-{kind}.json"
    if not kept.exists():
        if kept_only:
            return []
        figures = write(model, quantisation) if kind == "write" else [train(model, quantisation)]
        kept.write_text(json.dumps(list(figures)))
        print(model.name, quantisation, kind, [round(one) for one in figures], flush=True)
    figures_read: list[float] = json.loads(kept.read_text())
    return figures_read


def compared(what: str, estimate: float, peak: float) -> Row:
    off = estimate / peak - 1
    figure = f"{estimate:.0f} MB said, {peak:.0f} MB measured ({off:+.0%})"
    return Row(what, figure, f"within {BAR:.0%}", abs(off) <= BAR)


def rows(chosen: list[Model], here: machine.Machine, quick: bool, kept_only: bool) -> list[Row]:
    found = []
    for model in chosen:
        shape = Shape.read(folder(model.name))
        assert shape is not None
        for quantisation in QUANTISATIONS:
            needs = Needs(shape, quantisation, here)
            name = f"{model.title}, {quantisation}"
            writing = measured(model, quantisation, "write", kept_only)
            if writing:
                said = needs.engine(model.window)
                found.append(compared(f"{name}: to write", said, writing[1]))
            if writing and quantisation == "nf4":
                file = (
                    max(one.stat().st_size for one in folder(model.name).glob("*.safetensors"))
                    / 1e6
                )
                grown = writing[0] - here.engine - here.extras
                most = LOADING * needs.weights + file
                figure = f"{grown:.0f} MB beside the program"
                found.append(Row(f"{name}: loading", figure, f"<= {most:.0f} MB", grown <= most))
            imitated = quantisation == "bf16" and not here.native
            if quick and imitated and model.name != "bundled":
                continue
            for peak in measured(model, quantisation, "train", kept_only):
                said = needs.run(model.rank, model.settings)
                found.append(compared(f"{name}: to train", said, peak))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[one.name for one in MODELS])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kept", action="store_true")
    given = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    place = Home(CACHE, CACHE, CACHE, CACHE)
    here = machine.known(place) or machine.measure(place)
    chosen = [one for one in MODELS if given.only in (None, one.name)]
    found = rows(chosen, here, given.quick, given.kept)
    for row in found:
        print(f"{row.what}: {row.figure}, {row.bar}: {'yes' if row.met else 'NO'}")
    if given.only is None:
        report.write(
            "Memory",
            "python -m benchmarks.memory" + (" --quick" if given.quick else ""),
            found,
            "Peaks of whole processes (VmHWM): the real engine with its window full, and a training"
            " run's own code up to its first update, 1 thread. The bundled model is trained with"
            " the usual settings, the others, of random weights, with micro-batches of 4 x 96"
            " tokens. Loading: against 1.3 times the size as nf4, and one file.",
        )


if __name__ == "__main__":
    main()
