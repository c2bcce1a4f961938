"""How many files a process may have open; each connection is one, too."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Sequence

from ..errors import LauncherError, TransportError

__all__ = [
    "allow",
    "allow_all",
    "bears_ipc",
    "most_let_in",
    "most_open",
    "say_if_few",
    "see_that_engines_fit",
    "see_that_one_fits",
]

#: More than any cluster needs, and what macOS takes where it says "unlimited".
ENOUGH = 1 << 20 if os.uname().sysname == "Linux" else 10_240
#: A process opens so many for its part in a cluster: 17 were counted over ipc.
ROOM = 24
#: What an agent opens for each engine, and for itself and a few clients.
EACH, REST = 3, 40
#: With fewer, a burst of connections over ipc may be too quick for a controller.
FEW = 4096
#: Twice what libzmq lets in before it waits for somebody to look.
BURST = 2048


def most_open() -> int:
    """Return how many files this process may have open."""
    return _bounded(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def most_let_in() -> int:
    """Return the descriptor from which on a controller turns away who connects."""
    most = most_open()
    return most - BURST if most >= FEW else most * 3 // 4


def bears_ipc() -> bool:
    """Tell whether a controller of this process may bear any burst over ipc.

    libzmq ends its process if there is no file for a connection: it does not over TCP.
    """
    return _bounded(resource.getrlimit(resource.RLIMIT_NOFILE)[1]) >= FEW


def allow(count: int) -> None:
    """Let this process have so many files open, if the system lets it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def allow_all() -> int:
    """Let this process have as many open as it ever may; return the number before.

    Not for one that runs users' code: what was written for `select` knows 1,024.
    """
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _bounded(hard) > _bounded(before):
        allow(_bounded(hard))
    return before


def say_if_few(urls: Sequence[str]) -> str:
    """Say so if a controller that listens there may have too few for its peace."""
    most = most_open()
    if most >= FEW:
        return ""
    is_frail = any(url.startswith("ipc:") for url in urls)
    also = ", and where many more connect at once it may end" if is_frail else ""
    return (
        f"the controller may have {most:,} files open, and no more (`ulimit -Hn`): "
        f"{(most_let_in() - REST) // EACH} clients and engines fit{also}. Let that be "
        f"raised: `ulimit -n {FEW}` as root, limits.conf, LimitNOFILE= of a service"
    )


def see_that_one_fits() -> None:
    """See that this process can open what a part of a cluster needs.

    libzmq ends the whole process if it cannot have what it needs half way through.

    Raises
    ------
    TransportError
        It cannot.
    """
    held: list[int] = []
    try:
        held.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(ROOM))
    except OSError as error:
        raise TransportError(
            f"cannot connect: {error.strerror}. This process may have {most_open():,}, "
            f"and {ROOM} more are needed: close what is not used, such as clients "
            f"(`rc.close()`), or type `ulimit -n {max(1024, 4 * most_open())}` before "
            "it is started"
        ) from error
    finally:
        for descriptor in held:
            os.close(descriptor)


def see_that_engines_fit(n: int) -> None:
    """See that an agent and a controller could open what so many engines need.

    Raises
    ------
    LauncherError
        They could not.
    """
    most = _bounded(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    needed = EACH * n + REST
    if needed > most:
        raise LauncherError(
            f"{n:,} engines need {needed:,} open files, and a process may have "
            f"{most:,} here at most (`ulimit -Hn`): start fewer, or let that be raised "
            f"(`ulimit -n {needed}` as root, limits.conf, LimitNOFILE= of a service)"
        )


def _bounded(limit: int) -> int:
    return ENOUGH if limit == resource.RLIM_INFINITY else min(limit, ENOUGH)
