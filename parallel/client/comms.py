"""The comms of engines' widgets, and their halves in this notebook's front end.

An engine has no front end of its own. So what a comm there opens is opened here, under
the same id, and what the front end says to it is sent to the engine, as a task: it is
heard between two others. One such task is under way at a time. What is said meanwhile
waits here, of each widget's state the latest.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..aliases import EngineId
from ..protocol.messages import Published
from ..protocol.wire import unstow
from ..serialize.calls import unpack_value
from ..serialize.objects import Packed
from ..transport.sockets import as_buffers
from .cell import Cell
from .frontend import in_notebook
from .saying import Saying

__all__ = ["Comms"]

_log = logging.getLogger("parallel.client")

#: What comes before the comm that it is for is kept, so many messages.
EARLY = 64


class _Proxy:
    """One comm of an engine, here."""

    def __init__(self, engine: EngineId, comm: Any, number: int) -> None:
        self.engine = engine
        self.comm = comm
        #: The cell that has made it.
        self.cell = Cell()
        #: What the front end said last: an echo is the answer to it.
        self.said: Cell | None = None
        #: By part of its state, the number of the message that changed it last.
        self._newest: dict[str, int] = {}
        self._opened = number

    def newest(self, number: int, state: dict[str, Any]) -> dict[str, Any]:
        """Return what is new of a state: a message may come by a slower way."""
        newest, opened = self._newest, self._opened
        late = {key: newest.get(key, opened) > number for key in state}
        newest.update({key: number for key in state if not late[key]})
        return {key: state[key] for key in state if not late[key]}


class Comms:
    """The comms of engines whose widgets this client has shown.

    Parameters
    ----------
    submit
        Sends a payload to an engine, as a task that hears it and is not the user's.
    """

    def __init__(self, submit: Callable[[Saying, Packed, EngineId], object]) -> None:
        self._submit = submit
        self._proxies: dict[str, _Proxy] = {}
        #: By engine, what is on its way there.
        self._lines: dict[EngineId, Saying] = {}
        self._early: deque[tuple[EngineId, dict[str, Any]]] = deque(maxlen=EARLY)

    # What engines say, in the thread that reads

    def take(self, published: Published, frames: Sequence[Any]) -> None:
        """Pass on what the widgets of an engine say, if a notebook shows this."""
        if not in_notebook():
            return
        payload, buffers = unstow(published.payload, as_buffers(frames))
        try:
            told = unpack_value(payload, buffers, "what widgets tell")
            for message in told["messages"]:
                self._pass_on(told["engine"], message)
        except Exception as error:  # who reads waits for something else
            _log.warning("what an engine's widgets tell cannot be shown: %r", error)

    def _pass_on(self, engine: EngineId, message: dict[str, Any]) -> None:
        name, kind = message["comm"], message["kind"]
        proxy = self._proxies.get(name)
        if kind == "comm_open":
            if proxy is None:
                self._open(engine, message)
        elif proxy is None:
            self._early.append((engine, message))
        elif kind == "comm_close":
            del self._proxies[name]
            proxy.comm.close(data=message["data"])
        else:
            self._change(proxy, message)

    def _open(self, engine: EngineId, message: dict[str, Any]) -> None:
        name = message["comm"]
        module: Any = sys.modules["comm"]
        # It may be there by another client of this notebook, which is gone.
        made = module.get_comm_manager().comms.get(name) or module.create_comm(
            target_name=message["target_name"],
            target_module=message["target_module"],
            data=message["data"],
            metadata=message["metadata"],
            buffers=message["buffers"],
            comm_id=name,
        )
        made.on_msg(partial(self._on_front_end, name, "comm_msg"))
        made.on_close(partial(self._on_front_end, name, "comm_close"))
        self._proxies[name] = _Proxy(engine, made, message["number"])
        early = list(self._early)
        self._early.clear()
        for origin, each in early:
            self._pass_on(origin, each)

    def _change(self, proxy: _Proxy, message: dict[str, Any]) -> None:
        data, buffers = message["data"], message["buffers"]
        method = data.get("method")
        if method == "update" and not buffers and "state" in data:
            state = proxy.newest(message["number"], data["state"])
            if not state:
                return
            data = {**data, "state": state}
        if method == "echo_update" and proxy.said is not None:
            content = {"comm_id": message["comm"], "data": data}
            proxy.said.tell("comm_msg", content, buffers)
        else:
            proxy.comm.send(data, message["metadata"], buffers)

    # What the front end says, in the thread that hears it

    def _on_front_end(self, name: str, kind: str, message: dict[str, Any]) -> None:
        proxy = self._proxies.get(name)
        if proxy is None:
            return
        if kind == "comm_close":
            del self._proxies[name]
        proxy.said = Cell()
        said = {
            "comm": name,
            "kind": kind,
            "data": message["content"].get("data", {}),
            "metadata": message.get("metadata", {}),
            "buffers": [bytes(each) for each in message.get("buffers") or ()],
        }
        line = self._lines.get(proxy.engine)
        if line is None:
            line = self._lines[proxy.engine] = Saying(proxy.engine, self._submit)
        line.say(said, proxy.cell)
