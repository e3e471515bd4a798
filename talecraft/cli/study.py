"""`talecraft study`: several seeds, learning rates and KL targets, and where training diverges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console, opening, train
from talecraft.errors import UsageError

if TYPE_CHECKING:
    from talecraft.process.run_events import RunEvent
    from talecraft.studio.study import Study


def study(
    seeds: Annotated[str, typer.Option(metavar="N,...", help="A run for each.")] = "1,2,3",
    rates: Annotated[
        str, typer.Option(metavar="RATE,...", help="Learning rates; without it, the set one.")
    ] = "",
    kl: Annotated[
        str, typer.Option("--kl", metavar="NATS,...", help="KL targets; without it, the set one.")
    ] = "",
    updates: Annotated[int | None, typer.Option(min=1, help="Of each run.")] = None,
    model: Annotated[str | None, typer.Option(metavar="ID", help="Of this model.")] = None,
    method: train.Method = None,
    rewards: train.Rewards = None,
    prompts: train.Prompts = None,
    classifier: train.Classifier = "classifier",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER",
            help="Where it is kept; the same folder goes on with it. Among the exports if absent.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:  # fmt: skip
    """Run the same training many times, and tell where it leaves its bounds.

    Every seed with every learning rate and KL target. Nothing is adopted. Ctrl+C ends the study
    and lets its run go on; the same command goes on with it.
    """
    from talecraft.paths import private_folder, private_write
    from talecraft.studio import study as studies
    from talecraft.studio.reporting import study as pictures
    from talecraft.studio.reporting.drawing import Plotter

    recipe = train.recipe(method, rewards, prompts, classifier)
    numbers = _numbers(seeds, "seed", whole=True)
    with opening.studio(model, settle=True) as studio:
        plan = studies.planned(
            studio.model, studio.training, recipe, [int(one) for one in numbers],
            _numbers(rates, "learning rate"), _numbers(kl, "KL target"), updates,
        )  # fmt: skip
        folder = (output or studio.home.exports / "study").expanduser().absolute()
        found = studies.begun(folder, plan)
        private_folder(folder)
        line = console.OneLine()

        def hear(event: RunEvent) -> None:
            if told := train.describe(event):
                line.say(told)

        plotter = Plotter(studio.home.cache)
        for now in studies.carry_out(studio.training, studio.model, found, folder, hear):
            found = now
            line.end()
            console.note(f"{len(found.cells)} of {len(plan.orders)}: {_words(found)}")
            private_write(folder / "divergence.png", pictures.divergence(found, plotter))
            private_write(folder / "distance.png", pictures.courses(found, plotter))
    if as_json:
        console.out_json(studies.encode(found))
        return
    console.table(
        ("rate", "KL target", "seed", "updates", "reward", "most KL", "win", "perplexity", "end"),
        [
            (
                f"{one.learning_rate:g}", f"{one.kl_target:g}", str(one.seed),
                str(len(one.rewards)),
                f"{one.rewards[0]:+.2f} -> {one.rewards[-1]:+.2f}" if one.rewards else "",
                f"{max([*one.distances, one.kl]):.1f}", f"{one.win:.2f}",
                f"{one.perplexity:.2f}", "diverged" if one.diverged else "sound",
            )
            for one in found.cells
        ],
    )  # fmt: skip
    console.out(str(folder / "divergence.png"))


def _words(found: Study) -> str:
    cell = found.cells[-1]
    return (
        f"rate {cell.learning_rate:g}, KL target {cell.kl_target:g}, seed {cell.seed}"
        f" {'diverged' if cell.diverged else 'stayed within its bounds'}"
    )


def _numbers(text: str, what: str, whole: bool = False) -> list[float]:
    """Raises UsageError for what are no positive numbers (`whole` ones from nought on)."""
    found = []
    for one in filter(None, (part.strip() for part in text.split(","))):
        try:
            value = float(int(one)) if whole else float(one)
        except ValueError:
            value = -1.0
        if not (value >= 0 if whole else 0 < value < 1e6):
            wanted = "whole numbers" if whole else "numbers above 0"
            raise UsageError(f"'{one}' is no {what}.", f"Write {wanted}, with commas between them.")
        found.append(value)
    return found
