"""Tokens a second and seconds to the first, against transformers' bare `generate` in the same run.

python -m benchmarks.generation [--only MODEL ...]

On a CPU the bundled model and random weights in GPT-2's shape (124 M) and in a Llama's (300 M);
where there is a GPU, random weights in the shapes of Llama 3 8B and SOLAR 10.7B in nf4, with
recorded steps and without. Lean steps are measured in every way that this machine has; their bars
are for the way that the engine takes. Where llama-cpp-python can be imported, its steps on the same
weights as Q8_0 stand beside them. Each model is measured in a process of its own and told as soon
as it is done. The limit beside each rate is how often this machine's memory can read all its
weights.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import msgspec

from benchmarks import report
from benchmarks.generation_work import Measured
from benchmarks.report import Row
from benchmarks.subjects import child, folder

AIM = 60.0  # tokens a second of an 8B model on a card of 80 GB


class Model(msgspec.Struct, frozen=True):
    """`ratio` is the bar: at least so many times the tokens a second of bare `generate`; `lean` the
    same for lean steps, and `peer` how many times llama.cpp's steps after so many tokens."""

    name: str
    title: str
    quantisation: str
    window: int
    ratio: float
    lean: float = 1.0
    peer: dict[int, float] = {}


APART = 2e-3  # nats a token that lean steps may be from the model's own forward
ON_CPU = (
    Model("bundled", "Llama Ember", "none", 1024, 1.3, 3.5, {64: 0.75, 700: 1.2}),
    Model("gpt2", "GPT-2, 124 M, fp32", "fp32", 512, 1.0, 3.0, {64: 0.6}),
    Model("llama", "Llama, 300 M, fp32", "fp32", 512, 1.0),
)
ON_GPU = (
    Model("llama-8b", "Llama 3 8B, nf4", "nf4", 2048, 1.0),
    Model("solar", "SOLAR 10.7B, nf4", "nf4", 2048, 1.0),
)


def rows(model: Model) -> list[Row]:
    made = child(
        "generation_work", str(folder(model.name)), model.quantisation, str(model.window)
    ).splitlines()[-1]
    found = msgspec.json.decode(made, type=Measured)
    every = {"the model's own forward": found.reference, "recorded steps": found.captured}
    told = []
    for way, speed in every.items():
        if speed is None:
            continue
        ratio = speed.rate / found.generate
        figure = (
            f"{ratio:.2f}x ({speed.rate:.0f} and {found.generate:.0f} tokens/s,"
            f" limit {found.limit:.0f})"
        )
        name = f"{model.title}: {way}, against generate"
        told.append(Row(name, figure, f">= {model.ratio:g}x", ratio >= model.ratio))
        kept = f"{1000 * speed.first_kept:.0f} ms"
        said = f"{1000 * speed.first:.0f} ms ({kept} where all but 64 tokens were kept)"
        told.append(Row(f"{model.title}: {way}, first token", said, "", True))
    if found.captured is not None:
        rate, apart = found.captured.rate, found.furthest or 0.0
        told.append(Row(f"{model.title}: tokens/s", f"{rate:.0f}", f">= {AIM:.0f}", rate >= AIM))
        bar = apart <= 5e-3
        told.append(Row(f"{model.title}: recorded, KL", f"{apart:.1e}", "<= 5e-3", bar))
    told += lean_rows(model, found)
    told.append(Row(f"{model.title}: peak to write", f"{found.peak:.0f} MB", "", True))
    return told


def lean_rows(model: Model, found: Measured) -> list[Row]:
    """What lean steps came to, each way; bars for the one that is taken."""
    told = []
    peer = peer_steps(model) if found.lean else {}
    for mode, made in found.lean.items():
        taken = mode == found.chosen
        name = f"{model.title}: {mode}{', taken' if taken else ''}"
        ratio = made.speed.rate / found.generate
        figure = f"{ratio:.2f}x ({made.speed.rate:.0f} tokens/s)"
        bar = f">= {model.lean:g}x" if taken else ""
        told.append(Row(f"{name}, against generate", figure, bar, ratio >= model.lean))
        bar = f"<= {APART:g}" if taken else ""
        told.append(Row(f"{name}, KL a token", f"{made.apart:.1e}", bar, made.apart <= APART))
        for length, rate in made.steps.items():
            figure, bar, met = f"{rate:.0f} steps/s", "", True
            if length in peer:
                times, least = rate / peer[length], model.peer.get(length)
                figure = f"{times:.2f}x llama.cpp Q8_0 ({rate:.0f} and {peer[length]:.0f} steps/s)"
                bar = f">= {least:g}x" if taken and least is not None else ""
                met = least is None or times >= least
            told.append(Row(f"{name}, after {length} tokens", figure, bar, met))
    return told


def peer_steps(model: Model) -> dict[int, float]:
    """llama.cpp's steps a second after so many tokens; empty, and a line, where it is not here."""
    if find_spec("llama_cpp") is None:
        print("llama.cpp is not measured: llama-cpp-python cannot be imported.", flush=True)
        return {}
    made = child("peer_work", str(folder(model.name))).splitlines()[-1]
    return msgspec.json.decode(made, type=dict[int, float])


def main() -> None:
    import torch

    chosen = ON_GPU if torch.cuda.is_available() else ON_CPU
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[one.name for one in chosen])
    given = parser.parse_args()
    found = []
    for model in chosen:
        if given.only is None or model.name in given.only:
            new = rows(model)
            found += new
            for row in new:
                print(f"{row.what}: {row.figure} {row.bar}", flush=True)
    if given.only is None:
        place = "on a GPU" if torch.cuda.is_available() else "on a CPU"
        report.write(
            f"Generation {place}",
            "python -m benchmarks.generation",
            found,
            "Whole turns of 200 tokens after half a window, temperature 0.8, top-p 0.92, log-probs"
            " kept on both sides; the first token after half a window of which nothing was kept."
            " `generate` runs on torch's own layers. Steps: the best of nine times 48.",
        )


if __name__ == "__main__":
    main()
