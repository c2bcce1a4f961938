"""A client in a process of its own, which submits until its input ends.

It prints what became of its jobs, as JSON.
"""

from __future__ import annotations

import json
import sys

from parallel import Client
from tests.chaos.load import Load

__all__ = ["main"]


def main(words: list[str]) -> None:
    """Visit: a connection file, a seed, the file of starts, a name, patience."""
    file, seed, starts, name, patience = words
    with Client(file) as client:
        load = Load(client, seed, starts, name, float(patience))
        load.start()
        sys.stdin.read()
        load.stop()
        load.join()
        print(json.dumps(vars(load.tally)))


if __name__ == "__main__":
    main(sys.argv[1:])
