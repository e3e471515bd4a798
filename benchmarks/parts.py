"""Each part of the reward used alone: what became of it on 96 prompts that were not practised.

python -m benchmarks.parts [--only semantic form] [--method ppo] [--seed 1] [--tight]

No writer and no score: 288 premises are practised on, 96 held back; the run's own gate writes two
passages after each, before and after, with the same seeds. Cells are kept in .cache/learning.

At the page's usual room the model ends every turn, and closes every plan, by itself: there is
nothing to learn about that. With --tight there is less room than it likes to take.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from unittest import mock

import msgspec

from benchmarks import report, writers
from benchmarks.learning import KEPT, code
from benchmarks.prompts import unseen
from benchmarks.report import Row
from talecraft.config import entries
from talecraft.process.environment import child_environment
from talecraft.process.run_events import Check, Outcome, Step
from talecraft.story import rewards
from talecraft.story.methods import METHODS, Method
from talecraft.story.rewards import NAMES, STYLE, TASTE
from talecraft.studio.recipe import Recipe
from talecraft.studio.waiting import follow

HELD = 96
PREMISES = 4 * HELD  # a quarter is held back
ALONE = tuple(name for name in NAMES if name not in (TASTE, STYLE))  # a manner: manner.py
TIGHT = {"finished": ("prose_tokens", 80), "format": ("outline_tokens", 24)}


class PartCell(msgspec.Struct, frozen=True):
    """How a run fared that was rewarded for one part alone. `change` and its 90 % interval in the
    part's own unit; `before` is what the root was worth."""

    part: str
    method: str
    code: str
    state: str
    before: float
    change: float
    low: float
    high: float
    kl: float
    kl_target: float
    updates: int
    seconds: float
    room: int | None = None  # tokens, where it is less than usual
    failed: tuple[str, ...] = ()  # the checks that refused it


def cell(part: str, method: Method, seed: int, tight: bool) -> PartCell:
    recipe = Recipe(method, {part: 1.0}, tuple(unseen(PREMISES)))
    with writers.at_work(KEPT, seed, stories=False) as writer:
        studio = writer.studio
        studio.preferences.put(entries.find("training.gate_prompts"), str(HELD))
        room = None
        ppo = studio.training.ppo(studio.model, recipe=recipe)
        if tight:  # on the page and in practice
            name, room = TIGHT[part]
            studio.preferences.put(entries.find(f"writing.{name}"), str(room))
            ppo = msgspec.structs.replace(ppo, **{name: room})
        with mock.patch.object(studio.training, "ppo", return_value=ppo):
            run = studio.training.start(studio.model, seed, recipe=recipe)
        steps = [one for one in follow(studio.training, run.id) if isinstance(one, Step)]
        studio.training.settle()
        ended = studio.library.runs.get(run.id)
        if not ended.outcome:
            raise RuntimeError(ended.error)
        outcome = msgspec.json.decode(ended.outcome, type=Outcome)
    checks = {check.name: check for check in outcome.checks}
    figure = checks[f"reward: {part}"]
    assert figure.low is not None
    assert figure.high is not None
    return PartCell(
        part, method, code(), outcome.state, _before(figure), figure.value, figure.low,
        figure.high, checks["kl"].value, steps[0].kl_target, outcome.steps, outcome.seconds, room,
        tuple(check.name for check in outcome.checks if not check.passed),
    )  # fmt: skip


def _before(figure: Check) -> float:
    """The root's mean, which the figure's words end with."""
    return float(figure.words.rstrip(".").split()[-1])


def _row(one: PartCell) -> Row:
    value = (
        f"{one.change:+.3f} [{one.low:+.3f}, {one.high:+.3f}] from {one.before:.2f},"
        f" KL {one.kl:.1f}, {one.updates} updates in {one.seconds:.0f} s, {one.state}"
    )
    if one.failed:
        value += f" ({', '.join(one.failed)})"
    good = one.low > 0 and one.kl <= 2 * one.kl_target
    words = rewards.words(one.part)
    room = f" in {one.room} tokens" if one.room is not None else ""
    return Row(f"{one.part} ({words}){room}, {one.method}", value, "> 0, KL <= 2 targets", good)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ALONE, default=ALONE)
    parser.add_argument("--method", choices=METHODS, default="ppo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tight", action="store_true", help="those that are learned in less room")
    options = parser.parse_args()
    chosen = [part for part in options.only if part in TIGHT or not options.tight]
    if not chosen:
        parser.error(f"--tight is for {' and '.join(TIGHT)}")
    os.environ.update({k: v for k, v in child_environment().items() if k.startswith("OMP")})
    KEPT.mkdir(parents=True, exist_ok=True)
    for part in chosen:
        how = f"{options.method}-tight" if options.tight else options.method
        file = KEPT / f"part-{part}-{how}-{options.seed}.json"
        if file.exists() and msgspec.json.decode(file.read_bytes(), type=PartCell).code == code():
            continue
        found = cell(part, options.method, options.seed, options.tight)
        file.write_bytes(msgspec.json.encode(found))
        print(f"{part}: {_row(found).figure}", flush=True)
    write(_done())


def _done() -> list[PartCell]:
    files = sorted(KEPT.glob("part-*.json"))
    return [msgspec.json.decode(file.read_bytes(), type=PartCell) for file in files]


def write(cells: Sequence[PartCell]) -> None:
    """The table, from what is done."""
    note = (
        "Each run is rewarded for one part alone, without a writer. The change is the mean over"
        " 192 passages after 96 premises that were not practised, the same seeds before and after,"
        " with its 90 % bootstrap interval over premises, in the part's own unit; all but semantic"
        " are 0 at best and -1 at worst, semantic is between 0 and 1. In so many tokens: with less"
        " room for the prose (finished) or the plan (format), on the page and in practice, than the"
        " model takes of itself, as with the usual it has nothing to learn about them."
    )
    rows = [_row(one) for one in cells]
    report.write("Parts of the reward, each alone", "python -m benchmarks.parts", rows, note)


if __name__ == "__main__":
    main()
