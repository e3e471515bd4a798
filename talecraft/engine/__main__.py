"""`python -m talecraft.engine`: reads commands on stdin, writes events on stdout."""

from __future__ import annotations

from talecraft.process.child import Wire, log_to_stderr


def main() -> None:
    log_to_stderr()
    cancelled: set[int] = set()
    wire = Wire(cancelled.add)
    # Torch is imported with the wire already open: what is asked meanwhile is not lost.
    from talecraft.engine.service import Service

    Service(wire, cancelled).run()


if __name__ == "__main__":
    main()
