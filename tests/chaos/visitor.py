"""A client in a process of its own, which submits until its input ends.

It prints what became of its jobs, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from parallel import Client, ControllerUnreachable
from tests.chaos.load import Load

__all__ = ["main"]


def main(words: list[str]) -> None:
    """Visit: a connection file, a seed, the file of starts, a name, patience."""
    file, seed, starts, name, patience = words
    with connected(file, float(patience)) as client:
        load = Load(client, seed, starts, name, float(patience))
        load.start()
        sys.stdin.read()
        load.stop()
        load.join()
        print(json.dumps(vars(load.tally)))


def connected(file: str, patience: float) -> Client:
    """Return a client, though what leads to the controller may be cut meanwhile.

    Who connects gives up after 2 s if somebody hangs up, as a closed relay does.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return Client(file)
        except ControllerUnreachable:
            if time.monotonic() > deadline:
                raise


if __name__ == "__main__":
    main(sys.argv[1:])
