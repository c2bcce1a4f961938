"""The comms of engines' widgets, and their halves in this notebook's front end.

An engine has no front end of its own. So what a comm there opens is opened here, under
the same id, and what the front end says to it is sent to the engine, as a task: it is
heard between two others. One such task is under way at a time. What is said meanwhile
waits here, of each widget's state the latest.
"""

from __future__ import annotations

import logging
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
from .control import join_control
from .frontend import in_notebook
from .modelstate import ModelState
from .proxy import Proxy
from .saying import Saying

__all__ = ["Comms"]

_log = logging.getLogger("parallel.client")

#: What comes before the comm that it is for is kept, so many messages.
EARLY = 64


class Comms:
    """The comms of engines whose widgets this client has shown.

    Parameters
    ----------
    submit
        Sends a payload to an engine, as a task that hears it and is not the user's.
    """

    def __init__(self, submit: Callable[[Saying, Packed, EngineId], object]) -> None:
        self._submit = submit
        self._proxies: dict[str, Proxy] = {}
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
            join_control(self)
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
            proxy.tell(message)

    def _open(self, engine: EngineId, message: dict[str, Any]) -> None:
        name = message["comm"]
        proxy = self._proxies[name] = Proxy(engine, message)
        proxy.comm.on_msg(partial(self._on_front_end, name, "comm_msg"))
        proxy.comm.on_close(partial(self._on_front_end, name, "comm_close"))
        early = list(self._early)
        self._early.clear()
        for origin, each in early:
            self._pass_on(origin, each)

    def states(self) -> list[tuple[str, ModelState]]:
        """Return the models of widgets, and how they are."""
        proxies = list(self._proxies.items())
        return [(name, proxy.state) for name, proxy in proxies if proxy.is_widget]

    # What the front end says, in the thread that hears it

    def _on_front_end(self, name: str, kind: str, message: dict[str, Any]) -> None:
        proxy = self._proxies.get(name)
        if proxy is None:
            return
        if kind == "comm_close":
            del self._proxies[name]
        data = message["content"].get("data", {})
        if data.get("method") == "request_state" and proxy.is_widget:
            # At once, whatever the engine does; and only here are an Output's contents.
            state = proxy.state
            proxy.comm.send(state.told(), {}, list(state.buffers.values()))
            return
        said = {
            "comm": name,
            "kind": kind,
            "data": data,
            "metadata": message.get("metadata", {}),
            "buffers": [bytes(each) for each in message.get("buffers") or ()],
        }
        if data.get("method") == "update":
            proxy.state.change(data, said["buffers"])
        line = self._lines.get(proxy.engine)
        if line is None:
            line = self._lines[proxy.engine] = Saying(proxy.engine, self._submit)
        line.say(said, proxy)
