"""Code that an engine runs before all tasks."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

from ..errors import EngineError
from .execution import Execution
from .output import NOBODY, Capture

__all__ = ["run_first"]

log = logging.getLogger("parallel.engine")


def run_first(
    startup: Mapping[str, str], execution: Execution, capture: Capture
) -> None:
    """Run code in the user's namespace; what it prints is in the engine's log.

    Parameters
    ----------
    startup
        The texts, by the names of their files.

    Raises
    ------
    EngineError
        One of them raised: with the traceback.
    """
    if not startup:
        return
    capture.begin(NOBODY)
    try:
        for filename, code in startup.items():
            _run(filename, code, execution)
    finally:
        if printed := "".join(capture.take()).rstrip():
            log.info("printed at the start:\n%s", printed)


def _run(filename: str, code: str, execution: Execution) -> None:
    try:
        execution.sources.execute(code, True, filename)
    except Exception as error:
        told = "".join(traceback.format_exception(error)).rstrip()
        raise EngineError(
            f"what {filename} has the engine do at its start failed, so it ends:\n"
            f"{told}"
        ) from error
