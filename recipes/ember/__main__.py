"""`python -m recipes.ember STEP`: the road from texts to the bundled model. See README.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import torch
import typer

from recipes.ember import card, measures, recipe, tokens, turns
from recipes.ember import evaluate as bars
from recipes.ember import export as out
from recipes.ember import prepare as preparing
from recipes.ember import teach as teaching
from recipes.ember.ahead import Ahead
from recipes.ember.recipe import LENGTHEN, PATTERN, PRETRAIN, Shape, Stage
from recipes.ember.sources import Text
from recipes.ember.training import Stream, Trainer, create

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
Home = Annotated[Path, typer.Option(help="Where everything is kept between steps.")]
Minutes = Annotated[float | None, typer.Option(help="Wall-clock budget of this stage.")]
Rate = Annotated[float | None, typer.Option(help="Learning rate that it begins at.")]
Tokens = Annotated[float | None, typer.Option(help="Budget of this stage in millions of tokens.")]
Dropout = Annotated[float | None, typer.Option(help="Share that is left out while learning.")]
HOME = Path(".cache/ember")
STAGES = (PRETRAIN, PATTERN, LENGTHEN)
READERS = max(1, min(5, (os.cpu_count() or 2) - 1))  # processes that lay out windows for a GPU


# glibc gives large tensors back to the system after each use, which clears them anew; kept, a
# training step takes a seventh less time (measured). Waiting threads sleep instead of spinning,
# unless the environment says otherwise.
MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**34),
    "OMP_WAIT_POLICY": "PASSIVE",
}


@app.callback()
def main(threads: Annotated[int, typer.Option(help="0: all cores but one.")] = 0) -> None:
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 2) - 1))
    torch.set_float32_matmul_precision("high")


@app.command()
def prepare(corpus: Path, home: Home = HOME) -> None:
    """Clean, filter and split the texts of CORPUS."""
    for what, count in sorted(preparing.prepare(corpus, home).items()):
        print(f"{count:>12,}  {what}")


@app.command()
def tales(home: Home = HOME) -> None:
    """Cut the prepared texts into turns, each with its plan."""
    for name, kept in (("train", "tales"), ("heldout", "heldout_tales")):
        texts = [one for one in preparing.load(home / f"{name}.jsonl") if one.source != "lcats"]
        count = turns.save(_counted(texts, name), home / f"{kept}.jsonl")
        print(f"{count:>12,}  {name}: tales in turns")


@app.command()
def tokenizer(home: Home = HOME) -> None:
    """Learn the byte-level BPE."""
    texts = preparing.load(home / "train.jsonl")
    tokens.train(texts, recipe.PLAIN_CPU, _shape(home).vocabulary, home / "tokenizer")
    held = [one.body for one in preparing.load(home / "heldout.jsonl")]
    count = sum(map(len, tokens.encode(tokens.load(home / "tokenizer"), held)))
    print(f"{sum(map(len, held)) / count:.2f} characters a token on held-out texts")


@app.command()
def pretrain(
    home: Home = HOME, minutes: Minutes = None, millions: Tokens = None, dropout: Dropout = None
) -> None:
    """Read stories as they are."""
    stage = _stage(home, PRETRAIN, Asked(minutes, millions, dropout))
    plain, held = (_plain(home, name, stage.seed) for name in ("train", "heldout"))
    _train(home, stage, None, plain, held)


@app.command()
def pattern(
    home: Home = HOME,
    minutes: Minutes = None,
    millions: Tokens = None,
    dropout: Dropout = None,
    rate: Rate = None,
) -> None:
    """Learn premise, plan and passage: with an example before them at first, later without."""
    stage = _stage(home, PATTERN, Asked(minutes, millions, dropout, rate))
    _train(home, stage, PRETRAIN, *_turn_streams(home, stage, 0.4))


@app.command()
def lengthen(
    home: Home = HOME,
    minutes: Minutes = None,
    millions: Tokens = None,
    dropout: Dropout = None,
    rate: Rate = None,
) -> None:
    """The whole window, while the learning rate falls to nothing."""
    if rate is None and (before := _kept(home, PATTERN)) is not None:
        rate = before.rate * before.floor
    stage = _stage(home, LENGTHEN, Asked(minutes, millions, dropout, rate))
    _train(home, stage, PATTERN, *_turn_streams(home, stage, 0.0))


@app.command()
def evaluate(
    folder: Path,
    home: Home = HOME,
    against: Annotated[list[Path] | None, typer.Option(help="Other models' folders.")] = None,
    written: Annotated[int, typer.Option("--turns", help="Turns to write.")] = 500,
) -> None:
    """Print the table of bars for the model in FOLDER, on stories never trained on."""
    train, held = (preparing.load(home / f"{name}.jsonl") for name in ("train", "heldout"))
    held = [one for one in held if one.source not in {"lcats", "clic"}]
    read = [one for one in train if recipe.PLAIN_CPU[one.source]]
    memory = measures.Memory(one.body for one in train)
    cut = turns.load(home / "heldout_tales.jsonl")
    found = {
        model: bars.figures(model, _shape(home).context, held, cut, memory, written, print)
        for model in (folder, *(against or []))
    }
    counted = bars.n_gram(read, held)
    human = sum(repeats := bars.repeated_at([one.body for one in held])) / len(repeats)
    print(table := out.table(found, counted, human))
    (home / "figures.json").write_bytes(
        msgspec.json.encode({"ours": found[folder], "n_gram": counted, "human repeated": human})
    )
    (home / "figures.md").write_text(table)


@app.command()
def export(folder: Path, home: Home = HOME) -> None:
    """Write the model's files into FOLDER: half precision, tokenizer, curves."""
    stage = next(one for one in reversed(STAGES) if _checkpoint(home, one).exists())
    _export(home, stage, folder)
    out.curves([home / one.name for one in STAGES], folder / "curves.svg")
    size = sum(one.stat().st_size for one in folder.iterdir()) / 1e6
    print(f"{folder}: {size:.1f} MB, from the end of '{stage.name}'")


@app.command()
def teach(home: Home = HOME) -> None:
    """Teach the model of the first stage the pattern by `talecraft pattern learn`, 200 examples."""
    folder, shape = home / "plain", _shape(home)
    _export(home, PRETRAIN, folder)
    rows = teaching.examples(turns.load(home / "heldout_tales.jsonl"))  # never read before
    print(teaching.teach(folder, shape.context, rows, home / "teach"))


@app.command("card")
def write_card(
    folder: Path,
    machine: Annotated[str, typer.Option(help="What it was trained on, in words.")],
    home: Home = HOME,
) -> None:
    """Write the model card of FOLDER, from what `evaluate` measured."""
    ours = msgspec.convert(
        msgspec.json.decode((home / "figures.json").read_bytes())["ours"], bars.Figures
    )
    shape = _shape(home)
    parameters = sum(p.numel() for p in create(shape, 0).parameters())
    every = [(_kept(home, one) or one, home / one.name) for one in STAGES]
    stages = [one for one in every if (one[1] / "curve.jsonl").exists()]
    if not stages:
        raise typer.BadParameter(f"Nothing was trained in {home}.")
    table = (home / "figures.md").read_text()
    text = card.filled(stages, shape, parameters, machine, table, ours)
    (folder / "README.md").write_text(text)


# ---------------------------------------------------------------------- parts
def _shape(home: Path) -> Shape:
    """The model's shape: chosen by the machine at the first step that asks, then kept."""
    path = home / "shape.json"
    if not path.exists():
        shape = recipe.GPU if torch.cuda.is_available() else recipe.CPU
        path.write_bytes(msgspec.json.encode(shape))
    return msgspec.json.decode(path.read_bytes(), type=Shape)


def _counted(texts: Sequence[Text], name: str) -> Any:
    for at, one in enumerate(turns.tales(texts), 1):
        if at % 1000 == 0:
            print(f"{name}: {at:,} of {len(texts):,} texts cut into turns", flush=True)
        yield one


def _kept(home: Path, stage: Stage) -> Stage | None:
    """The numbers that a stage was begun with."""
    path = home / stage.name / "stage.json"
    return msgspec.json.decode(path.read_bytes(), type=Stage) if path.exists() else None


class Asked(NamedTuple):
    """What the command line says of a stage; None leaves the recipe's own."""

    minutes: float | None = None
    millions: float | None = None
    dropout: float | None = None
    rate: float | None = None


def _stage(home: Path, stage: Stage, asked: Asked) -> Stage:
    """Its numbers for this machine, or those that it was begun with; only its budget may change."""
    kept = _kept(home, stage)
    if kept is not None:
        for name in ("rate", "dropout"):
            if getattr(asked, name) not in (None, getattr(kept, name)):
                raise typer.BadParameter(
                    f"'{stage.name}' was begun with a {name} of {getattr(kept, name):g}."
                )
    else:
        kept = recipe.on_gpu(stage) if torch.cuda.is_available() else stage
        kept = msgspec.structs.replace(
            kept,
            rate=asked.rate if asked.rate is not None else kept.rate,
            dropout=asked.dropout if asked.dropout is not None else kept.dropout,
        )
    if asked.millions is not None:  # then the clock sets no end, unless it is asked to
        tokens_asked = round(asked.millions * 1e6)
        kept = msgspec.structs.replace(kept, tokens=tokens_asked, minutes=asked.minutes or 1e9)
    elif asked.minutes is not None:
        kept = msgspec.structs.replace(kept, minutes=asked.minutes)
    (home / stage.name).mkdir(parents=True, exist_ok=True)
    (home / stage.name / "stage.json").write_bytes(msgspec.json.encode(kept))
    return kept


def _mix(name: str) -> dict[str, float]:
    if name == "heldout":
        return {source: float(source in bars.TOLD) for source in recipe.PLAIN_CPU}
    return recipe.PLAIN_GPU if torch.cuda.is_available() else recipe.PLAIN_CPU


def _plain(home: Path, name: str, seed: int) -> tokens.PlainText:
    mix = _mix(name)
    texts = [one for one in preparing.load(home / f"{name}.jsonl") if mix[one.source]]
    return tokens.PlainText(texts, tokens.load(home / "tokenizer"), mix, seed)


def _turn_streams(home: Path, stage: Stage, one_shot: float) -> list[turns.Turns]:
    bpe = tokens.load(home / "tokenizer")
    found = []
    for name, kept in (("train", "tales"), ("heldout", "heldout_tales")):
        mix = _mix(name)
        if name == "train":
            mix = recipe.TURNS_GPU if torch.cuda.is_available() else recipe.TURNS_CPU
        found.append(
            turns.Turns(
                [one for one in turns.load(home / f"{kept}.jsonl") if mix[one.source]],
                _plain(home, name, stage.seed),
                bpe,
                mix,
                stage.seed,
                one_shot if name == "train" else 0.0,
            )
        )
    return found


def _checkpoint(home: Path, stage: Stage) -> Path:
    return home / stage.name / "checkpoint.pt"


def _export(home: Path, stage: Stage, folder: Path) -> None:
    shape = _shape(home)
    model = create(shape, 0)
    state = torch.load(_checkpoint(home, stage), map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    out.save(model, home / "tokenizer", folder, shape)


def _train(home: Path, stage: Stage, after: Stage | None, stream: Stream, held: Stream) -> None:
    torch.set_flush_denormal(True)  # moments of rare tokens fade into numbers that CPUs are slow at
    trainer = Trainer(create(_shape(home), stage.seed), stage, home / stage.name)
    if after is not None:
        trainer.inherit(home / after.name)
    ahead = Ahead(stream, READERS) if torch.cuda.is_available() else None
    trainer.train(ahead or stream, held, lambda line: print(line, flush=True))
    if ahead:
        ahead.close()


if __name__ == "__main__":
    if not MEMORY.keys() <= os.environ.keys():  # read when a process starts
        os.execve(sys.executable, sys.orig_argv, {**MEMORY, **os.environ})
    app()
