"""A process that commits turns and scores, and says each id only when it is on disk.

Arguments: the library, how many rounds, optionally a limit on the size of files in bytes.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

from talecraft.errors import LibraryError
from talecraft.library import Library
from talecraft.story.feedback import Feedback


def main() -> None:
    path, rounds = Path(sys.argv[1]), int(sys.argv[2])
    library = Library(path)
    story = library.stories.create("T", "P")
    if len(sys.argv) > 3:
        limit = int(sys.argv[3])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    print("ready", flush=True)
    try:
        for _ in range(rounds):
            turn = library.stories.add_turn(story.id, None, "model", "word " * 40)
            print(f"turn {turn.id}", flush=True)
            line = library.feedback.append([Feedback(0, turn.id, "stars", 3)])[0]
            print(f"feedback {line.id}", flush=True)
    except LibraryError as error:
        print(f"error {error}", flush=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
