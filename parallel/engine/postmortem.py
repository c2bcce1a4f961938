"""The last error of an engine, kept so that one can look at it where it was raised."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from ..state.naming import key_of

__all__ = [
    "LastError",
    "drop_error",
    "is_users",
    "keep_error",
    "last_error",
    "rejoin",
    "users_frames",
]

#: What refers to more than this is not kept: the next task may need the memory, bytes.
MOST_NBYTES = 16 << 20
#: Whose frames say nothing of the user's code, where a traceback begins.
_NOT_USERS = "parallel", "IPython"
_NAMES = "last_type", "last_value", "last_traceback", "last_exc"


@dataclass
class LastError:
    """What is known of the last error, whether its frames are kept or not."""

    #: It is the so-manieth of this engine.
    number: int
    #: The id of the task that raised it; empty for a cell of a console.
    msg_id: str
    #: Its name and message.
    told: str
    #: Where it was raised, if that is kept.
    frames: TracebackType | None = None
    #: Else, why it is not.
    missing: str = ""
    #: Who looks at it: it ends with this.
    debugger: Any = None


_last: LastError | None = None
_numbers = itertools.count(1)


def last_error() -> LastError | None:
    """Return what is known of the last error, if there was one."""
    return _last


def is_users(frame: FrameType) -> bool:
    """Tell whether a frame runs the user's code, as far as its module tells."""
    module = str(frame.f_globals.get("__name__"))
    return module.partition(".")[0] not in _NOT_USERS


def users_frames(step: TracebackType | None) -> TracebackType | None:
    """Return a traceback from where the user's code begins."""
    while step is not None and not is_users(step.tb_frame):
        step = step.tb_next
    return step


def keep_error(error: BaseException, task: bytes = b"") -> None:
    """Keep an error in the place of the one before, where `%debug` looks for it.

    One whose frames have large arrays and the like is only told, and not kept.

    Parameters
    ----------
    task
        What names the task that raised it.
    """
    global _last
    frames = users_frames(error.__traceback__)
    missing = _why_not(frames)
    if missing:
        drop_error()
    kept = None if missing else frames
    _last = LastError(next(_numbers), _msg_id(task), _told(error), kept, missing)
    if missing:
        return
    place: Any = sys
    place.last_type, place.last_value, place.last_traceback = type(error), error, frames
    place.last_exc = error


def rejoin(error: BaseException) -> None:
    """Give an error its frames back that it lost as it was packed, if it is kept."""
    if getattr(sys, "last_value", None) is error:
        BaseException.with_traceback(error, sys.last_traceback)


def _why_not(frames: TracebackType | None) -> str:
    """Return why frames are not to be kept; empty if they are."""
    if frames is None:
        return "it was raised before any of your code ran"
    nbytes = _nbytes(frames)
    if nbytes <= MOST_NBYTES:
        return ""
    return (
        f"their variables have some {nbytes >> 20} MiB of data, and the engine keeps "
        f"no more than {MOST_NBYTES >> 20} MiB"
    )


def _msg_id(task: bytes) -> str:
    key = key_of(task)
    return "" if key is None else f"{key.client.hex()}_{key.seq}"


def _told(error: BaseException) -> str:
    try:
        message = str(error)
    except Exception:  # it is of the user's making
        message = "(its message cannot be had)"
    return f"{type(error).__name__}: {message}"


def _nbytes(step: TracebackType | None) -> int:
    """Return roughly how much the local names of these frames refer to."""
    nbytes = 0
    while step is not None:
        for value in list(step.tb_frame.f_locals.values()):
            nbytes += _size(value)
            if type(value) in (list, tuple):
                nbytes += sum(map(_size, value[:1000]))
            elif type(value) is dict and len(value) <= 1000:
                nbytes += sum(map(_size, list(value.values())))
        step = step.tb_next
    return nbytes


def _size(value: Any) -> int:
    try:
        return max(int(getattr(value, "nbytes", 0)), sys.getsizeof(value))
    except Exception:  # it is of the user's making
        return 0


def drop_error() -> None:
    """Let go of it, and of all that its frames refer to."""
    global _last
    _last = None
    for name in _NAMES:
        sys.__dict__.pop(name, None)
