"""How many engines each of several hosts is to have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import LauncherError

__all__ = ["OWN", "filled", "limits", "spread"]

#: What a host may have of its own.
OWN = frozenset(
    {"n", "python", "work_dir", "environment", "prologue", "remote_profile_dir"}
)


def limits(engines: Mapping[str, Any]) -> dict[str, int | None]:
    """Return how many engines each host may have at most; None for any number.

    Parameters
    ----------
    engines
        A number for each host, or a dict with it and options of its own.

    Raises
    ------
    LauncherError
        It is neither.
    """
    return {host: _limit(host, given) for host, given in engines.items()}


def _limit(host: str, given: Any) -> int | None:
    own = given if isinstance(given, dict) else {"n": given}
    n = own.get("n")
    is_number = n is None or (isinstance(n, int) and n > 0)
    if set(own) - OWN or not is_number:
        raise LauncherError(
            f"engines on {host}: {given!r} is neither a number above 0 nor a dict of "
            f"{', '.join(sorted(OWN))}"
        )
    return n


def spread(n: int, hosts: Sequence[str]) -> dict[str, int]:
    """Spread engines over hosts evenly; those that get none are left out.

    >>> spread(5, ["a", "b", "c"])
    {'a': 2, 'b': 2, 'c': 1}
    """
    each, more = divmod(n, len(hosts))
    return {host: each + (i < more) for i, host in enumerate(hosts) if i < n}


def filled(n: int, most: Mapping[str, int | None]) -> dict[str, int]:
    """Fill hosts with engines one after another.

    >>> filled(5, {"a": 4, "b": 4, "c": 4})
    {'a': 4, 'b': 1}

    Raises
    ------
    LauncherError
        There are more of them than the hosts take.
    """
    shares: dict[str, int] = {}
    left = n
    for host, limit in most.items():
        share = left if limit is None else min(limit, left)
        if share:
            shares[host] = share
        left -= share
    if left:
        each = ", ".join(f"{host}: {limit}" for host, limit in most.items())
        raise LauncherError(
            f"{n} engines are asked for, and the hosts take {n - left} ({each})"
        )
    return shares
