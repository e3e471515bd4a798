"""`python -m talecraft.hub`: one order and a token on stdin, events on stdout, nothing else."""

from __future__ import annotations

import logging
import os
import sys
import threading

import msgspec

from talecraft.process.child import log_to_stderr
from talecraft.process.fetch_messages import GO, FetchEvent, FetchOrder


def main() -> None:
    os.umask(0o077)
    log_to_stderr()
    # Warnings of retries name signed addresses, which are nobody's but the writer's.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    logging.getLogger("httpx2").setLevel(logging.ERROR)
    parent = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    order = msgspec.json.decode(parent.readline(), type=FetchOrder)
    token = msgspec.json.decode(parent.readline(), type=str)
    going = threading.Event()

    def listen() -> None:
        for line in parent:
            if line == GO:
                going.set()
        os._exit(0)  # the parent is gone, or wants no more

    def say(event: FetchEvent) -> None:
        line = msgspec.json.encode(event) + b"\n"
        try:
            while line:
                line = line[out.write(line) :]
        except OSError:
            os._exit(0)

    def agreed() -> None:
        going.wait()

    threading.Thread(target=listen, name="parent", daemon=True).start()
    from talecraft.hub.fetching import work

    work(order, token, say, agreed)
    out.close()
    sys.stderr.flush()
    os._exit(0)  # the thread waits for the parent; the client's threads for nothing


if __name__ == "__main__":
    main()
