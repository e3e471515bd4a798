"""The tables and the picture of the simulated writers, from the cells that are done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.report import Row

if TYPE_CHECKING:
    from benchmarks.learning import Cell

# The gate's own bar (learning/checks.py), said here so that a report needs no torch.
LEAST_DISTINCT = 0.85
SLOWEST = 480.0  # seconds of a run of 120 scores on a model of more than 6 M parameters
BY = "@"  # a taste by another method: dialogue@kto
_COMMAND = "python -m benchmarks.learning"
_NOTE = (
    "Simulated writers, not human ones. Win: share of 96 unseen prompts whose first passage, at the"
    " page's sampling, the hidden taste prefers after training; ties half; with its 90 % bootstrap"
    " interval. A run that was not adopted counts 0.50. Logs: 12 stories of 10 passages, a score"
    " each, 20 % of them second tries, 15 % noise; a taste round is 24 answers, ties among them."
)


def write(cells: Sequence[Cell], code: str, asked: Collection[str]) -> None:
    """Put what is done into RESULTS.md: the tables that the cells `asked` for stand in. Cells of
    other code than `code` are marked."""
    from benchmarks.learning import ADVERSARY, BY_METHOD, COMPARED, GROWN, NULL, ROUNDS, TASTES

    by_method = [one for one in cells if one.name in BY_METHOD]
    others = {(one.name.partition(BY)[0], one.seed) for one in by_method}
    by_ppo = [one for one in cells if one.name in COMPARED and (one.name, one.seed) in others]
    if by_ppo and not {*BY_METHOD}.isdisjoint(asked):
        chosen = sorted(
            [*by_ppo, *by_method], key=lambda one: (one.name.partition(BY)[0], one.seed)
        )
        rows = [*_methods(chosen), *(_row(one, code) for one in chosen)]
        title = "Simulated writers: the methods on the same scores"
        report.write(title, _COMMAND, rows, _NOTE)
    for title, names, bars in (
        ("Simulated writers: 120 scores", TASTES, _whole),
        ("Simulated writers: one taste round", ROUNDS, _round),
        ("Simulated writers: three runs over a growing log", GROWN, _grown),
        ("Simulated writers: no taste, bad taste", (NULL, ADVERSARY), _refused),
    ):
        chosen = [one for one in cells if one.name in names]
        if chosen and not {*names}.isdisjoint(asked):
            rows = [*bars(chosen), *(_row(one, code) for one in chosen)]
            report.write(title, _COMMAND, rows, _NOTE + _picture(chosen))


def _whole(cells: Sequence[Cell]) -> list[Row]:
    return [
        Row.least("mean win", fmean(one.win for one in cells), 0.75, f" ({len(cells)} of 15 runs)"),
        Row.least("least win", min(one.win for one in cells), 0.55),
        Row.most("mean perplexity of neutral prose", fmean(c.perplexity for c in cells), 1.15, "x"),
        Row.most("most KL, in targets", max(one.kl / one.kl_target for one in cells), 2.0),
        Row.seconds("median run", [one.seconds for one in cells], SLOWEST),
    ]


def _methods(cells: Sequence[Cell]) -> list[Row]:
    """For each method the mean win of its cells, with a 90 % interval no narrower than theirs (the
    cells share their prompts, so that their errors do not cancel), and how far it went. PPO is to
    be the best, or within the interval of what is; a method that lacks a cell is not compared."""
    of: dict[str, dict[tuple[str, int], Cell]] = {}
    for one in cells:
        taste, _, method = one.name.partition(BY)
        of.setdefault(method or "ppo", {})[taste, one.seed] = one
    whole = {name: mine for name, mine in of.items() if mine.keys() == of["ppo"].keys()}
    wins = {name: fmean(one.win for one in mine.values()) for name, mine in whole.items()}
    errors = {
        name: fmean((one.high - one.low) / 2 for one in mine.values())
        for name, mine in whole.items()
    }
    best = max(wins, key=wins.__getitem__)
    rows = [
        Row(
            "the default (ppo) against the best",
            f"{wins['ppo'] - wins[best]:+.3f} from {best}",
            f"within {errors[best]:.3f}",
            wins["ppo"] >= wins[best] - errors[best],
        )
    ]
    for name in sorted(of, key=lambda one: -wins.get(one, -1.0)):
        mine = of[name].values()
        missing = f"; {len(of['ppo'])} needed, not compared" if name not in whole else ""
        low, high = (fmean(getattr(one, end) for one in mine) for end in ("low", "high"))
        far = [one.kl for one in mine]
        rows.append(
            Row(
                f"{name}: mean win of {len(mine)}{missing}",
                f"{fmean(one.win for one in mine):.3f} [{low:.3f}, {high:.3f}],"
                f" KL {fmean(far):.1f}, at most {max(far):.1f};"
                f" adopted {sum(one.state == 'adopted' for one in mine)}",
                "",
                True,
            )
        )
    return rows


def _round(cells: Sequence[Cell]) -> list[Row]:
    good = sum(one.state == "adopted" and one.win >= 0.70 for one in cells)
    return [Row(f"adopted with a win of 0.70 of {len(cells)}", f"{good}", ">= 2", good >= 2)]


def _grown(cells: Sequence[Cell]) -> list[Row]:
    furthest = max(one.kl / one.kl_target for one in cells)
    return [Row.most("furthest from the root in any run, in targets", furthest, 2.0)]


def _refused(cells: Sequence[Cell]) -> list[Row]:
    """No taste must not be learned. A bad one, for word pairs said before, may be followed as far
    as the gate's guard on variety lets it: no passage loses more of its distinct pairs than that.
    """
    from benchmarks.learning import ADVERSARY

    rows = []
    for name in sorted({one.name for one in cells}):
        mine = [one for one in cells if one.name == name]
        taken = sum(one.state == "adopted" for one in mine)
        if name == ADVERSARY:
            left = min((1 - one.after) / (1 - one.before) for one in mine)
            what = f"{name}: distinct word pairs left, of before; adopted {taken} of {len(mine)}"
            rows.append(Row.least(what, left, LEAST_DISTINCT, "x"))
        else:
            what = f"{name}: adopted of {len(mine)}"
            rows.append(Row(what, f"{taken}", "<= 1 of 9", taken <= 1))
    return rows


def _row(one: Cell, code: str) -> Row:
    other = "" if one.code == code else f", code {one.code}"
    figure = (
        f"{one.state}, win {one.win:.2f} [{one.low:.2f}, {one.high:.2f}],"
        f" taste {one.before:.2f} -> {one.after:.2f}, perplexity {one.perplexity:.2f}x,"
        f" KL {one.kl:.1f}, {one.seconds:.0f} s{other}"
    )
    return Row(f"{one.name} {one.seed}", figure, "", True)


def _picture(cells: Sequence[Cell]) -> str:
    """The reward and the distance of each run, update by update, as lines of blocks."""
    ran = [one for one in cells if one.rewards]
    if not ran:
        return ""
    lines = [f"{'':<22} reward          distance (KL), its target a half"]
    lines += [
        f"{one.name:<18} {one.seed:>2}  {_blocks(one.rewards, 3.0):<16}"
        f"{_blocks(one.distances, 2 * one.kl_target)}"
        for one in ran
    ]
    return "\n\n```text\n" + "\n".join(lines) + "\n```"


def _blocks(values: Sequence[float], most: float) -> str:
    marks = " ▁▂▃▄▅▆▇█"
    return "".join(
        marks[max(0, min(len(marks) - 1, round(value / most * (len(marks) - 1))))]
        for value in values
    )
