"""What a front end says to the widgets of one engine, and what their callbacks show."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..aliases import EngineId
from ..errors import ParallelError
from ..protocol.messages import Outcome, Published, Status, TaskOutput
from ..protocol.wire import unstow
from ..serialize.calls import pack_value, unpack_value
from ..serialize.objects import Packed
from ..transport.sockets import as_buffers
from .cell import Cell
from .insets import Insets
from .proxy import Proxy
from .screen import prefix
from .shown import NOTHING, Shown
from .values import error_of

__all__ = ["Saying"]

_log = logging.getLogger("parallel.client")


@dataclass
class _Said:
    """Something that a front end said to a comm."""

    message: dict[str, Any]
    proxy: Proxy
    #: What answers it belongs to this.
    heard: Cell


class Saying:
    """Tells an engine what a front end says, one batch after the other: a `Sink`.

    What callbacks print and display is shown below the cell that has the widget.

    Parameters
    ----------
    submit
        Sends a payload to an engine, as a task whose outcome comes here.
    """

    _fname = "what a front end says"

    def __init__(
        self,
        engine: EngineId,
        submit: Callable[[Saying, Packed, EngineId], object],
    ) -> None:
        self._engine = engine
        self._submit = submit
        self._lock = threading.RLock()
        self._waiting: list[_Said] = []
        #: By comm the change that waits, and others may still join.
        self._changes: dict[str, _Said] = {}
        #: What is under way shows things here.
        self._cell: Cell | None = None
        self._shown, self._told, self._insets = Shown(), NOTHING, Insets()

    def say(self, message: dict[str, Any], proxy: Proxy) -> None:
        """Tell the engine something, now or when what is under way has ended."""
        said, name = _Said(message, proxy, Cell()), message["comm"]
        with self._lock:
            before = self._changes.get(name)
            if not _changes(message):  # what comes later may rest upon this
                self._changes.clear()
                self._waiting.append(said)
            elif before is None:
                self._changes[name] = said
                self._waiting.append(said)
            else:
                before.message["data"]["state"].update(message["data"]["state"])
                before.heard = said.heard
            if self._cell is None:
                self._go_on()

    def _go_on(self) -> None:
        if not self._waiting:
            self._cell = None
            return
        self._cell = self._waiting[0].proxy.cell
        self._shown, self._told, self._insets = Shown(), NOTHING, Insets()
        messages = [said.message for said in self._waiting]
        for said in self._waiting:
            said.proxy.heard = said.heard
        self._waiting = []
        self._changes.clear()
        with contextlib.suppress(ParallelError):  # its client is closed
            self._submit(self, pack_value(messages, self._fname), self._engine)

    # What the connection calls

    def deliver(self, index: int, outcome: Outcome, frames: Sequence[Any]) -> None:
        """Take note that the engine has heard."""
        try:
            self._shown.end(outcome)
            self._show_news()
            if outcome.status != Status.OK and self._cell is not None:
                error = error_of(outcome, frames, self._fname, {})
                told = f"engine {self._engine} does not hear its widget: {error}\n"
                self._cell.write(told, "stderr")
        finally:
            with self._lock:
                self._go_on()

    def show(self, index: int, output: TaskOutput) -> None:
        """Show what callbacks print."""
        self._shown.stdout.add(output.stdout)
        self._shown.stderr.add(output.stderr)
        self._show_news()

    def publish(self, index: int, published: Published, frames: Sequence[Any]) -> None:
        """Show what callbacks display."""
        payload, buffers = unstow(published.payload, as_buffers(frames))
        try:
            value = unpack_value(payload, buffers, "what a widget displays")
            # Of the cell it would take away the widget, too.
            if published.kind != "clear" or "into" in value:
                self._shown.take(published.kind, value)
        except (ParallelError, TypeError, ValueError) as error:
            # Whoever reads the connection waits for something else.
            _log.warning("%s", error)
            return
        self._show_news()

    def give_up(self, error: ParallelError) -> None:
        """Take note that nothing is heard any more."""
        with self._lock:
            self._waiting.clear()
            self._changes.clear()
            self._cell = None

    def _show_news(self) -> None:
        news = self._shown.since(self._told)
        self._told = news.told
        if self._cell is None:
            return
        label = str(self._engine)
        for piece in self._insets.take(news.pieces, self._engine):
            for text, stream in ((piece.stdout, "stdout"), (piece.stderr, "stderr")):
                if text:
                    self._cell.write(prefix(text, stream, label) + text, stream)
            for display in piece.displays:
                self._cell.display(display, self._engine)


def _changes(message: dict[str, Any]) -> bool:
    """Tell whether a message changes a state, and the latest is all that matters."""
    data = message["data"]
    is_update = message["kind"] == "comm_msg" and data.get("method") == "update"
    return is_update and "state" in data and not message["buffers"]
