"""One comm of an engine, as it is in this notebook's front end."""

from __future__ import annotations

import sys
from typing import Any

from ..aliases import EngineId
from .cell import Cell
from .frontend import comm_of
from .modelstate import state_of

__all__ = ["Proxy"]


class Proxy:
    """A comm of the same id, which belongs to the cell that has made it.

    Parameters
    ----------
    message
        What the engine's comm said when it opened.
    """

    def __init__(self, engine: EngineId, message: dict[str, Any]) -> None:
        self.engine = engine
        self.cell = Cell()
        #: What the front end said that the engine hears now: an echo answers that.
        self.heard: Cell | None = None
        self._opened = message["number"]
        #: By part of its state, the number of the message that changed it last.
        self._newest: dict[str, int] = {}
        self._name = message["comm"]
        self.is_widget = message["target_name"] == "jupyter.widget"
        known = comm_of(self._name)
        self.comm: Any = known or sys.modules["comm"].create_comm(
            target_name=message["target_name"],
            target_module=message["target_module"],
            data=message["data"],
            metadata=message["metadata"],
            buffers=message["buffers"],
            comm_id=self._name,
        )
        #: What a page that is loaded anew is told.
        self.state = state_of(self.comm)
        self.state.change(message["data"], message["buffers"])
        if known is not None and "state" in message["data"]:
            # By another client of this notebook, which may be gone.
            self.comm.send(
                {"method": "update", **message["data"]}, {}, message["buffers"]
            )

    def tell(self, message: dict[str, Any]) -> None:
        """Tell the front end what the engine's comm says."""
        data, buffers = message["data"], message["buffers"]
        method = data.get("method")
        if method == "update" and not buffers and "state" in data:
            state = self._news(message["number"], data["state"])
            if not state:
                return
            data = {**data, "state": state}
        if method == "update":
            self.state.change(data, buffers)
        if method == "echo_update" and self.heard is not None:
            content = {"comm_id": self._name, "data": data}
            self.heard.tell("comm_msg", content, buffers)
        else:
            self.comm.send(data, message["metadata"], buffers)

    def _news(self, number: int, state: dict[str, Any]) -> dict[str, Any]:
        """Return what is new of a state: a message may come by a slower way."""
        newest, opened = self._newest, self._opened
        late = {key: newest.get(key, opened) > number for key in state}
        newest.update({key: number for key in state if not late[key]})
        return {key: state[key] for key in state if not late[key]}
