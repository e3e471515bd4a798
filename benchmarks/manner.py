"""An author's manner, the whole path: books to chunks, pairs, a style, SFT, GRPO, and a verdict.

python -m benchmarks.manner BOOKS... [--author NAME]... [--pairs 3500] [--most 300] [--updates 8]
                            [--epochs 2] [--seed 1] [--table]

BOOKS are texts of several authors, some of them with several books. Everything lies in
.cache/learning/manner; what is there is not made again. --table only writes RESULTS.md from the
runs that are there.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.learning import KEPT
from benchmarks.report import Row
from talecraft.paths import private_folder
from talecraft.process.environment import child_environment
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Estimate, MannerLearned, Outcome, Step
from talecraft.process.style import Tuned
from talecraft.studio import Studio, corpus
from talecraft.studio.waiting import follow

HOME = KEPT / "manner"
AUTHORS = ("E. Nesbit", "G. A. Henty")
TOKENS = 160


class MannerCell(msgspec.Struct, frozen=True):
    """How one author's run fared: the figures of its stages and its checks; of how many chunks,
    read `epochs` times, and after so many updates."""

    told: MannerLearned
    outcome: Outcome
    chunks: int
    epochs: int
    updates: int
    style: Tuned


def learned(studio: Studio, author: str, options: argparse.Namespace) -> MannerCell:
    """One run from its plan to its verdict."""
    plan = studio.manners.plan(
        studio.model, author, [HOME / "chunks.jsonl"], "style", options.epochs, options.updates,
        most=options.most,
    )  # fmt: skip
    run = studio.manners.start(studio.model, plan, options.seed)
    for _ in follow(studio.training, run.id):
        pass
    studio.training.settle()
    tuned = studio.training.styles.find("style").tuned
    assert tuned is not None
    return cell(studio.training.tail(run.id), plan.found.train, plan.epochs, tuned)


def cell(events: EventTail, chunks: int, epochs: int, style: Tuned) -> MannerCell:
    """What a run that came to its end has told. Raises RuntimeError where it did not."""
    every = events.read()
    told = next((one for one in every if isinstance(one, MannerLearned)), None)
    if told is None or not isinstance(every[-1], Outcome):
        raise RuntimeError(f"The run came to no verdict: {every[-1:]}")
    updates = max(one.step for one in every if isinstance(one, Step))
    return MannerCell(told, every[-1], chunks, epochs, updates, style)


def prepared(books: Sequence[Path], options: argparse.Namespace) -> None:
    """Chunks, pairs and the style, each where it is not there yet."""
    chunks, pairs = HOME / "chunks.jsonl", HOME / "pairs.jsonl"
    with Studio() as studio:
        model = studio.catalogue.folder(studio.model, studio.home)
        if not chunks.exists():
            corpus.chunk(books, chunks, TOKENS, "", model, False, lambda far: None)
        if not pairs.exists():
            corpus.pairs([chunks], pairs, "", None, options.pairs, 0, 0.5, False, lambda far: None)
        if not studio.training.styles.all():
            studio.training.styles.fit(studio.model, pairs)


def _rows(cells: Sequence[MannerCell]) -> list[Row]:
    found = []
    if cells:
        tuned = cells[0].style
        found.append(
            Row(
                f"style: Spearman on {tuned.held} held pairs, {tuned.pairs} learned from",
                f"{tuned.after.told}; before {tuned.before.value:.3f}", "above before",
                tuned.after.value > tuned.before.value,
            )
        )  # fmt: skip
    for one in cells:
        before, sft, grpo = one.told.stages
        name = f"{one.told.author} ({one.chunks} chunks, {one.epochs} times)"
        for what, was, now, gain in (
            ("SFT over before", before, sft, one.told.gains[0]),
            ("GRPO over SFT", sft, grpo, one.told.gains[1]),
            ("GRPO over before", before, grpo, one.told.gains[2]),
        ):
            found.append(
                Row(
                    f"{name}: {what}, cosine to held chunks",
                    f"{was.cosine.value:.3f} to {now.cosine.value:.3f}, {_gain(gain)}",
                    "surely above 0", gain.low > 0,
                )
            )  # fmt: skip
        ratio = grpo.perplexity / sft.perplexity
        found.append(
            Row(
                f"{name}: perplexity of held chunks, GRPO over SFT",
                f"{ratio:.2f}x ({before.perplexity:.1f}, {sft.perplexity:.1f},"
                f" {grpo.perplexity:.1f})",
                "<= 1.15x", ratio <= 1.15,
            )
        )  # fmt: skip
        found.append(
            Row(
                f"{name}: content kept, cosine to others, nearest",
                f"{before.content.value:.0%}, {sft.content.value:.0%}, {grpo.content.value:.0%};"
                f" {before.others.value:.3f}, {sft.others.value:.3f}, {grpo.others.value:.3f};"
                f" {before.nearest:.0%}, {sft.nearest:.0%}, {grpo.nearest:.0%}",
                "shown", True,
            )
        )  # fmt: skip
        found.append(
            Row(
                f"{name}: the run's verdict",
                f"{one.outcome.state} after {one.updates} updates, {one.outcome.seconds:.0f} s:"
                f" {one.outcome.reason or 'every check held'}",
                "adopted", one.outcome.state == "adopted",
            )
        )  # fmt: skip
    return found


def _gain(one: Estimate) -> str:
    return f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"


def write() -> None:
    """The table, from what is done."""
    files = sorted(HOME.glob("cell-*.json"))
    cells = [msgspec.json.decode(one.read_bytes(), type=MannerCell) for one in files]
    turns = ", ".join(f"{one.told.turns} of {one.told.author}" for one in cells)
    own = ", ".join(f"{one.told.own:.3f} and {one.told.own_others:.3f}" for one in cells)
    note = (
        "Passages to the plans of held-back chunks of other books than were learned from"
        f" ({turns}), by the same seeds before, after SFT and after Dr. GRPO; 90 % bootstrap"
        " intervals over passages. Three figures in a row are before, after SFT and after GRPO."
        f" The authors' own held chunks are at {own} (to their author, to others)."
    )
    report.write("A manner", "python -m benchmarks.manner BOOKS", _rows(cells), note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", nargs="*", type=Path)
    parser.add_argument("--author", action="append")
    parser.add_argument("--pairs", type=int, default=3500)
    parser.add_argument("--most", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    os.environ.update({k: v for k, v in child_environment().items() if k.startswith("OMP")})
    os.environ["TALECRAFT_HOME"] = str(private_folder(HOME.absolute()))
    if not options.table:
        prepared([one.absolute() for one in options.books], options)
        for author in options.author or AUTHORS:
            name = re.sub(r"\W+", "-", author).strip("-").lower()
            file = HOME / f"cell-{name}-{options.most}-{options.epochs}-{options.seed}.json"
            if not file.exists():
                with Studio() as studio:
                    file.write_bytes(msgspec.json.encode(learned(studio, author, options)))
    write()


if __name__ == "__main__":
    main()
