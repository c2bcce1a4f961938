"""Times and amounts of memory, as people write them."""

from __future__ import annotations

import math
import re

from ...errors import LauncherError

__all__ = ["mebibytes", "seconds"]

_UNITS = {"": 0, "K": -1, "M": 0, "G": 1, "T": 2}


def seconds(text: str) -> int:
    """Return the seconds of a time: minutes, H:MM:SS, or D-HH:MM:SS.

    Raises
    ------
    LauncherError
        It is none.
    """
    if text.isdecimal():
        return 60 * int(text)
    if not (found := re.fullmatch(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)", text)):
        raise LauncherError(
            f"walltime={text!r} is no time: write minutes, or H:MM:SS, or D-HH:MM:SS"
        )
    days, hours, minutes, rest = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest


def mebibytes(text: str) -> int:
    """Return the MiB of an amount of memory: 2GB, 500M; a mere number is in MiB.

    Raises
    ------
    LauncherError
        It is none.
    """
    found = re.fullmatch(
        r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE
    )
    if not found:
        raise LauncherError(f"memory={text!r} is no amount: write it such as 2GB")
    amount = float(found[1]) * 1024.0 ** _UNITS[found[2].upper()]
    return max(1, math.ceil(amount))
