"""A client in a process of its own, which submits until its input ends.

It prints what became of its jobs, as JSON.
"""

from __future__ import annotations

import sys

from tests.chaos.calls import connected
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
        print(load.tally.as_json())


if __name__ == "__main__":
    main(sys.argv[1:])
