"""From a checkpoint to the folder that ships, and the table of its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from transformers import AutoTokenizer, GenerationConfig, LlamaForCausalLM

from recipes.ember.evaluate import Figures
from recipes.ember.recipe import Shape

HIGHEST = 5.0  # loss that is shown: the first steps' says nothing


def save(model: LlamaForCausalLM, tokenizer: Path, folder: Path, shape: Shape) -> None:
    """Weights in half precision, config and tokenizer, in the hub's layout."""
    model.generation_config = GenerationConfig(eos_token_id=1, pad_token_id=0)
    model.to(torch.float16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tokenizer, model_max_length=shape.context).save_pretrained(folder)


def curves(stages: Sequence[Path], file: Path) -> None:
    """Loss over tokens through all stages, training and held out, as an SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "ember"
    figure, axes = pyplot.subplots(figsize=(7, 3.2))
    begin = 0.0
    drawn = [folder for folder in stages if (folder / "curve.jsonl").exists()]
    for at, folder in enumerate(drawn):
        path = folder / "curve.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for what, style in (("loss", "C0-"), ("held_out", "C1o-")):
            points = [(begin + row["tokens"] / 1e6, row[what]) for row in rows if what in row]
            label = {"loss": "training", "held_out": "held out"}[what] if at == 0 else None
            axes.plot(*zip(*points, strict=True), style, label=label, linewidth=1, markersize=2)
        begin += rows[-1]["tokens"] / 1e6
        axes.axvline(begin, color="grey", linewidth=0.5)
        axes.text(begin, HIGHEST, folder.name + " ", ha="right", va="top", fontsize=8)
    axes.set(xlabel="million tokens", ylabel="loss, nats a token", ylim=(None, HIGHEST))
    axes.legend(frameon=False, loc="upper center")
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


def table(found: Mapping[Path, Figures], counted: Mapping[str, float], human: float) -> str:
    """The bars as Markdown, one column for each model; the first is ours."""
    models = list(found)
    head = ["what", *(one.name for one in models), "8-gram (Kneser-Ney)"]
    rows = [
        [f"bits a character, {source}", *(f"{found[m].bits[source]:.3f}" for m in models),
         f"{counted[source]:.3f}"]
        for source in found[models[0]].bits
    ]  # fmt: skip
    rows += [
        ["well-formed turns", *(f"{found[m].formed:.1%}" for m in models), ""],
        ["plans closed by the model itself", *(f"{found[m].closed:.1%}" for m in models), ""],
        ["plan's words found in its prose (plans not copied)",
         *(f"{found[m].followed:.2f} (of {found[m].followed_of})" for m in models), ""],
        ["the same, proses shuffled", *(f"{found[m].shuffled:.2f}" for m in models), ""],
        [f"repeated 4-grams in 300 words (human {human:.3f})",
         *(f"{found[m].repeated:.3f}" for m in models), ""],
        ["turns with a memorised 20-gram", *(f"{found[m].memorised:.1%}" for m in models), ""],
        ["ends its story when asked", *(f"{found[m].ends_when_asked:.0%}" for m in models), ""],
    ]  # fmt: skip
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)
