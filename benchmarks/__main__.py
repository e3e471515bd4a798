"""`make bench`: every table of RESULTS.md."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import report, startup


def main() -> None:
    report.write("Start-up and response", "python -m benchmarks", startup.rows())
    subprocess.run([sys.executable, "-m", "benchmarks.learning"], check=True)


if __name__ == "__main__":
    main()
