"""When this process's time is up, as its batch system or its job script says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import time

__all__ = ["MARGIN", "UNTIL", "end_of_time"]

log = logging.getLogger("parallel.engine")

#: What job scripts say, in seconds since 1970; Slurm says it too, from 23.02 on.
UNTIL = "IPP_UNTIL"
KNOWN = (UNTIL, "SLURM_JOB_END_TIME")
#: An engine ends so long before its job does, seconds, or a tenth of what it has left:
#: results that are on their way, and what users' code does at the end, take some time.
MARGIN = 10.0


def end_of_time(environment: Mapping[str, str], walltime: float = 0.0) -> float:
    """Return when an engine is to end, seconds since 1970; 0 if nobody says.

    Parameters
    ----------
    walltime
        Its job ends so many seconds from now, whatever the environment says.
    """
    now = time()
    end = now + walltime if walltime else _told(environment)
    left = end - now
    return end - min(MARGIN, left / 10) if left > 0 else 0.0


def _told(environment: Mapping[str, str]) -> float:
    for name in KNOWN:
        text = environment.get(name)
        if text:
            try:
                return float(text)
            except ValueError:
                log.warning("%s=%r is no time in seconds since 1970", name, text)
    return 0.0
