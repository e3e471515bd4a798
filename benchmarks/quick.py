"""`python -m benchmarks.quick`: the program over an engine that writes 400 tokens a second.

The engine has no model: what is measured is the page. Its tokens are a little over four letters, as
those of real models are, and each comes as a message of its own, as they come from a real engine.
"""

from __future__ import annotations

import functools
import sys
import time

import talecraft.studio
from talecraft.process.messages import Delta, Generate, Phase
from tests.support.scripted_engine import ScriptedEngine

RATE = 400  # tokens a second
SECONDS = 6.0
WORDS = "The fox waited where nets were drying, and nobody asked it why or until when.".split()


class QuickEngine(ScriptedEngine):
    def _generate(self, command: Generate) -> None:
        self.wire.send(Phase("writing"))
        prose = ""
        started = time.perf_counter()
        for number in range(int(RATE * SECONDS)):
            if self._stopped(command.request):
                break
            token = WORDS[number % len(WORDS)] + ("\n\n" if number % 90 == 89 else " ")
            self.wire.send(Delta(command.request, "prose", token))
            prose += token
            time.sleep(max(0.0, started + (number + 1) / RATE - time.perf_counter()))
        self._finish(command, "", prose, "end")


def main() -> None:
    if sys.argv[1:] == ["engine"]:
        QuickEngine().run()
        return
    talecraft.studio.Studio = functools.partial(  # type: ignore[assignment, misc]
        talecraft.studio.Studio, engine_command=(sys.executable, "-m", "benchmarks.quick", "engine")
    )
    from talecraft.__main__ import main as program

    program()


if __name__ == "__main__":
    main()
