"""What the load lets engines do: found there by name, so it imports next to nothing.

Each call begins by noting in a file that it was started, and in which process: that is
what is judged in the end.
"""

from __future__ import annotations

import functools
import os
import time
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parallel import Client

#: A task of tasks survives so many deaths: in a bad hour, many engines die.
DEATHS = 1000
#: Seconds that a task's client tries to connect, though the controller is away.
PATIENCE = 60.0


def begin(file: str, key: str) -> None:
    """Note that a task was started here: a whole line, whoever else writes."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{key} {os.getpid()}\n".encode())
    os.close(descriptor)


def triple(file: str, key: str, number: int, nap: float = 0) -> int:
    """Return three times a number, after a nap."""
    begin(file, key)
    if nap:
        time.sleep(nap)
    return 3 * number


def triple_one(file: str, key: str, number: int) -> int:
    """Return three times an element of a map."""
    return triple(file, f"{key}.{number}", number)


def blob(file: str, key: str, nbytes: int) -> bytes:
    """Return many bytes, which their key says."""
    begin(file, key)
    return content(key, nbytes)


def content(key: str, nbytes: int) -> bytes:
    """Return as many bytes of a text as are asked for."""
    word = key.encode() + b" "
    return (word * (nbytes // len(word) + 1))[:nbytes]


def measure(file: str, key: str, data: bytes) -> int:
    """Return the checksum of bytes that came."""
    begin(file, key)
    return zlib.crc32(data)


def process(file: str, key: str) -> int:
    """Return which process this is."""
    begin(file, key)
    return os.getpid()


def fail(file: str, key: str) -> None:
    """Raise an error that says its key."""
    begin(file, key)
    raise ValueError(key)


def tree(file: str, key: str, depth: int, width: int) -> int:
    """Return the number of leaves of a tree of tasks, each of which waits for its own.

    Who is started again submits tasks of other names than before.
    """
    begin(file, key)
    if depth == 0:
        return 1
    view = own_client().load_balanced_view(engine_retries=DEATHS)
    name = f"{key}/{os.getpid()}-{time.monotonic_ns()}"
    results = [
        view.apply_async(tree, file, f"{name}.{i}", depth - 1, width)
        for i in range(width)
    ]
    return sum(result.get() for result in results)


@functools.cache
def own_client() -> Client:
    """Return this engine's client of its own cluster."""
    return connected(None, PATIENCE)


def connected(file: str | None, patience: float) -> Client:
    """Return a client, though what leads to the controller may be cut meanwhile.

    Who connects gives up after 2 s if somebody hangs up, as a closed relay does.
    """
    import parallel

    deadline = time.monotonic() + patience
    while True:
        try:
            return parallel.Client(file)
        except parallel.ControllerUnreachable:
            if time.monotonic() > deadline:
                raise
