"""Comms of users' widgets: what they tell a notebook, and what it says to them.

A widget's half on an engine talks with its other half in a front end. The client that
runs the task which makes a widget, or displays it, has the way there: what is for the
front end travels as published by a task of that client, and comes back as a task.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from ..protocol.messages import Publish
from ..protocol.views import COMM
from ..protocol.wire import stow
from ..serialize.calls import pack_value
from . import publishing
from .models import opened, plain, reachable
from .sender import Sender
from .turns import Turns

__all__ = ["Comms"]

#: A state that changes more often than this, seconds, is told as it is by then.
EVERY = 0.05
#: Of so many clients the last task is known.
CLIENTS = 64
#: What names a task begins with its client, of so many bytes.
CLIENT_NBYTES = 16

#: Those of this engine.
current: Comms | None = None


class Comms:
    """The comms of an engine.

    Parameters
    ----------
    relax
        Waits while the controller has far more to read than it can.
    guard
        Has the side thread look after what is held for it.
    expect
        Has the side thread call `flush` soon.
    """

    def __init__(
        self,
        turns: Turns,
        sender: Sender,
        relax: Callable[[], None],
        guard: Callable[[], None],
        expect: Callable[[], None],
        engine_id: int | None,
    ) -> None:
        self._turns = turns
        self._sender = sender
        self._relax = relax
        self._guard = guard
        self._expect = expect
        self._engine_id = engine_id
        #: The same thread may want it again: a comm that is forgotten closes.
        self._lock = threading.RLock()
        #: What is to be told, and which clients are.
        self._waiting: list[tuple[dict[str, Any], Sequence[bytes]]] = []
        #: By comm the changes that wait, and others may still join.
        self._changes: dict[str, dict[str, Any]] = {}
        #: The clients that have been told of a comm.
        self._audience: dict[str, list[bytes]] = {}
        #: By client, its latest task here.
        self._tasks: OrderedDict[bytes, int] = OrderedDict()
        self._told = 0
        self._flushed = 0.0
        #: Is told of each comm that says something.
        self.on_change: Callable[[str], object] = bool

    def _client(self) -> bytes | None:
        """Return the client whose task runs, if one does."""
        found = self._turns.innermost
        if found is None:
            return None
        ordinal, token = found
        client = token[:CLIENT_NBYTES]
        self._tasks[client] = ordinal
        self._tasks.move_to_end(client)
        while len(self._tasks) > CLIENTS:
            self._tasks.popitem(last=False)
        return client

    def say(self, comm: str, kind: str, content: dict[str, Any]) -> None:
        """Tell front ends what a comm says, from any thread.

        Parameters
        ----------
        kind
            `comm_open`, `comm_msg` or `comm_close`.
        content
            Its `data`, `metadata` and `buffers`, and of a comm that opens `target_name`
            and `target_module`.
        """
        if publishing.current is None:  # in a process that a task forked
            return
        is_due = False
        with self._lock:
            client = self._client()
            if kind == "comm_open":
                self._audience[comm] = [] if client is None else [client]
            told = self._audience.get(comm, ())
            if kind == "comm_close":
                self._audience.pop(comm, None)
            if told:
                is_due = self._note(comm, kind, content, tuple(told))
        # Python closes what is forgotten at any moment: in the midst of a sending, too.
        if is_due and kind != "comm_close" and _is_main():
            self.flush()
        elif told:
            self._expect()
        if kind == "comm_msg":
            self.on_change(comm)

    def _note(
        self, comm: str, kind: str, content: dict[str, Any], told: Sequence[bytes]
    ) -> bool:
        """Keep what is to be told; tell whether that is to be at once."""
        self._told += 1
        buffers = [bytes(memoryview(each)) for each in content["buffers"]]
        message = plain({**content, "buffers": ()})
        message |= {
            "kind": kind, "comm": comm, "number": self._told, "buffers": buffers
        }  # fmt: skip
        data = message["data"]
        changes = kind == "comm_msg" and data.get("method") == "update" and not buffers
        before = self._changes.get(comm)
        if changes and before is not None:
            before["data"]["state"].update(data["state"])
            before["number"] = self._told
        else:
            self._waiting.append((message, told))
            if not changes:  # what comes later may rest upon this
                self._changes.clear()
            elif "state" in data:
                self._changes[comm] = message
        return not changes or monotonic() - self._flushed >= EVERY

    def show(self, model: str) -> None:
        """See that the client whose task displays a widget has all that it shows."""
        with self._lock:
            client = self._client()
            if client is None or client in self._audience.get(model, ()):
                return
            for each in reachable(model):
                audience = self._audience.setdefault(each, [])
                if client not in audience:
                    audience.append(client)
                    self._note(each, "comm_open", opened(each), (client,))
        self.flush()

    def flush(self) -> None:
        """Say what waits; from any thread."""
        if not self._waiting:
            return
        is_main = _is_main()
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._changes.clear()
            self._flushed = monotonic()
            told: dict[bytes, list[dict[str, Any]]] = {}
            for message, clients in waiting:
                for client in clients:
                    told.setdefault(client, []).append(message)
            if not is_main:
                for client, messages in told.items():
                    self._sender.hold(*self._packed(client, messages))
        if not is_main:
            self._guard()
            return
        with self._turns.apart():
            for client, messages in told.items():
                publish, frames = self._packed(client, messages)
                self._sender.say([publish], frames)
            self._relax()

    def _packed(
        self, client: bytes, messages: Sequence[dict[str, Any]]
    ) -> tuple[Publish, Sequence[Any]]:
        told = {"engine": self._engine_id, "messages": messages}
        payload, frames = stow(*pack_value(told, "what widgets tell"))
        return Publish(self._tasks.get(client, 0), COMM, payload, len(frames)), frames

    def forget(self, comm: str) -> None:
        """Tell nobody of a comm any more: the front end has closed it."""
        with self._lock:
            self._audience.pop(comm, None)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
