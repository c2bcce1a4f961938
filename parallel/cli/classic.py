"""Options of ipyparallel's commands that are refused here: what to give instead."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["INSTEAD"]

#: What to do instead of giving one that is refused.
INSTEAD: Mapping[str, str] = {
    "ports": "one port is enough for everything: --port=10101",
    "mongodb": "tasks are recorded in a file (--sqlitedb), in memory (--dictdb), or "
    "not at all (--nodb)",
    "ident": "messages have no names of sessions",
    "user": "who has the connection file may connect",
    "keyfile": "the keys are in the connection files; --reuse keeps them",
    "log-url": "each process has a log of its own, in the profile's log folder",
    "url": "the connection file says where the controller is: --file=path",
    "location": "the controller tells all of its addresses, and what answers is kept",
}
