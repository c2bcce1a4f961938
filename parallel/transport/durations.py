"""How long a poll may take: what users give in seconds, as the kernel takes it."""

from __future__ import annotations

import math

__all__ = ["milliseconds"]

#: A poll ends after this, ms, however long a wait is: it takes up to 2**31.
LONGEST = 1_000_000_000


def milliseconds(timeout: float | None) -> int | None:
    """Return a timeout of so many seconds for a poll, which may end before that.

    Nobody is to poll again for the rest of a millisecond, so it is rounded up.

    Parameters
    ----------
    timeout
        Also infinity, and what has passed already; None is for ever.
    """
    if timeout is None:
        return None
    return math.ceil(min(max(0.0, timeout * 1000), LONGEST))
