"""What the scheduler's tasks carry through it, unlooked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..protocol.messages import Method, Result, Submit

__all__ = ["UNKNOWN", "Ended", "Work"]


class Work(msgspec.Struct, frozen=True, gc=False):
    """What an engine is to be sent for a task."""

    submit: Submit
    frames: Sequence[Any]
    #: Of the setup whose task it is, its name; else None.
    setup: str | None = None


#: That of a task which an engine has of an earlier controller, and whose client has not
#: told of it yet.
UNKNOWN = Work(Submit(0, Method.APPLY, b"", b""), (), "")


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A result as it came, with its frames."""

    result: Result
    frames: Sequence[Any]
