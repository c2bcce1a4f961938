"""The halves of comms that are on an engine: what they say, and what they hear."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

from . import comms

__all__ = ["hear", "open_comms"]


def open_comms(module: Any) -> None:
    """Have the comms that are made from now on talk by way of this engine's clients.

    Parameters
    ----------
    module
        That of comms.
    """

    class EngineComm(module.base_comm.BaseComm):  # type: ignore[misc]
        """One of them."""

        def publish_msg(
            self, msg_type: str, data: Any = None, metadata: Any = None,
            buffers: Any = None, **keys: Any,
        ) -> None:  # fmt: skip
            """Tell the front end."""
            if comms.current is not None:
                content = {"data": data or {}, "metadata": metadata or {}, **keys}
                content["buffers"] = buffers or ()
                comms.current.say(self.comm_id, msg_type, content)

    module.create_comm = EngineComm


def hear(messages: Sequence[dict[str, Any]]) -> None:
    """Have comms hear what a front end says, in the main thread.

    What a callback raises is told on stderr: the others are still called.
    """
    module = sys.modules.get("comm")
    known = {} if module is None else module.get_comm_manager().comms
    for message in messages:
        name = message["comm"]
        comm = known.get(name)
        if comm is None:  # it was closed meanwhile
            continue
        content = {"comm_id": name, "data": message["data"]}
        said = {**message, "content": content, "header": {}, "parent_header": {}}
        try:
            if message["kind"] == "comm_close":
                comm._closed = True  # its other half knows
                del known[name]
                if comms.current is not None:
                    comms.current.forget(name)
                comm.handle_close(said)
            else:
                comm.handle_msg(said)
        except Exception:
            traceback.print_exc()
