"""Rows of RESULTS.md: what was measured, the figure, the bar."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"


@dataclass(frozen=True)
class Row:
    what: str
    figure: str
    bar: str
    met: bool

    @classmethod
    def ratio(cls, what: str, ours: Sequence[float], peer: Sequence[float], bar: float) -> Row:
        a, b = statistics.median(ours), statistics.median(peer)
        return cls(what, f"{a / b:.2f}x ({a:.2f} s / {b:.2f} s)", f"<= {bar:g}x", a / b <= bar)

    @classmethod
    def seconds(cls, what: str, times: Sequence[float], bar: float) -> Row:
        middle = statistics.median(times)
        return cls(what, f"{middle:.2f} s", f"<= {bar:g} s", middle <= bar)

    @classmethod
    def least(cls, what: str, value: float, bar: float, detail: str = "") -> Row:
        return cls(what, f"{value:.2f}{detail}", f">= {bar:.2f}", value >= bar)

    @classmethod
    def most(cls, what: str, value: float, bar: float, detail: str = "") -> Row:
        return cls(what, f"{value:.2f}{detail}", f"<= {bar:.2f}", value <= bar)


def write(section: str, command: str, rows: Sequence[Row], note: str = "") -> None:
    """Put this section's table into RESULTS.md in place of its last one."""
    lines = [
        f"## {section}",
        "",
        f"{datetime.date.today()}, {_machine()}; `{command}`; medians.",
        "",
        "| what | measured | bar | met |",
        "|---|---|---|---|",
        *(f"| {r.what} | {r.figure} | {r.bar} | {'yes' if r.met else '**no**'} |" for r in rows),
        "",
    ]
    if note:
        lines += [note, ""]
    old = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
    head, *sections = old.split("\n## ")
    kept = [text for text in sections if not text.startswith(f"{section}\n")]
    kept.append("\n".join(lines)[3:])
    RESULTS.write_text(
        "\n## ".join([head.rstrip() + "\n", *(t.rstrip() + "\n" for t in sorted(kept))])
    )


def _machine() -> str:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"
