"""A client's two lines to its controller: read and written in turns, and looked after.

One is for work, on which batches may be large; the other for what must not wait
behind them. Tasks, their output and news of engines come by either.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TypeAlias

from ..errors import (
    ConnectionRefused,
    ControllerUnreachable,
    ParallelError,
    TransportError,
)
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import (
    Again,
    EngineJoined,
    EngineLeft,
    Goodbye,
    Hello,
    Outcome,
    Ping,
    Pong,
    Refused,
    SetupEnded,
    TaskOutput,
    Trouble,
    WhoAreYou,
)
from ..transport import sockets
from ..transport.dealer import GREET_EVERY
from ..transport.endpoints import connect_peer, new_context
from .absence import Absence
from .line import Line
from .opentasks import OpenTasks
from .presence import Presence
from .troubles import Troubles

__all__ = ["Handlers", "Lines"]

#: What is done with each kind of message, and with its frames.
Handlers: TypeAlias = dict[type, Callable[[Line, Any, Sequence[Any]], None]]


class Lines(Presence):
    """Two lines, what is open on them, and what was heard.

    All that is done with the sockets is done under one lock, the pump's, and by
    `_turn` once there is one.

    Raises
    ------
    TransportError
        The controller's keys or address cannot be understood, or not reached.
    """

    def __init__(self, info: ConnectionInfo) -> None:
        super().__init__()
        self._info = info
        self._uuid = uuid.uuid4().bytes
        self._context = new_context(encrypted=info.curve is not None)
        self._lines: list[Line] = []
        for channel in ("work", "control"):
            dealer = connect_peer(self._context, info)
            self._lines.append(Line(dealer, self._hello(channel)))
        self._work, self._control = self._lines
        self._monitored = {line.monitor.descriptor for line in self._lines}
        #: What was submitted and has not come back.
        self.tasks = OpenTasks()
        #: Why engines may not come that somebody waits for.
        self.troubles = Troubles()
        #: What is said and done while the controller cannot be reached.
        self.absence = Absence(info.urls[0], info.where)
        #: When something was sent last.
        self._flushed = 0.0
        #: A connection broke, if only before the greeting was answered.
        self._broke = False
        #: Both lines are welcome: nothing to look after.
        self._calm = False
        self._shut = False
        #: Why no more can be sent, once that is so.
        self.closed: ParallelError | None = None
        self._handlers = self._make_handlers()

    def _make_handlers(self) -> Handlers:
        tasks, troubles = self.tasks, self.troubles
        return {
            WhoAreYou: lambda line, *_: line.ask_again(),
            Refused: lambda _, message, __: self._end(
                ConnectionRefused(f"{self._info.where} refused: {message.reason}")
            ),
            Goodbye: lambda _, message, __: self._end(TransportError(message.reason)),
            TaskOutput: lambda _, message, __: tasks.on_output(message),
            Again: lambda _, message, __: tasks.on_again(message),
            SetupEnded: lambda _, ended, frames: troubles.on_setup_ended(ended, frames),
            EngineJoined: lambda _, message, __: self.on_joined(message),
            EngineLeft: lambda _, message, __: self.on_left(message),
            Trouble: lambda _, message, __: troubles.on_trouble(message),
            Ping: lambda line, *_: line.outbox.append((Pong(), ())),
            Pong: lambda *_: None,
        }

    def _hello(self, channel: str) -> Hello:
        return Hello(
            role="client",
            channel=channel,
            uuid=self._uuid,
            secret=self._info.secret,
            host=socket.gethostname(),
            pid=os.getpid(),
        )

    @property
    def _descriptors(self) -> list[int]:
        """What to wait on for input."""
        return [*(line.descriptor for line in self._lines), *self._monitored]

    @property
    def unheard_nbytes(self) -> int:
        """How much that was submitted is not known to have arrived, bytes."""
        return self._work.unheard_nbytes

    def _are_open(self) -> bool:
        return all(line.is_open for line in self._lines)

    def _end(self, error: ParallelError) -> None:
        """Take note that nothing will come any more, and tell who waits."""
        if self.closed is None:
            self.closed = error
        self.tasks.give_up(error)

    def _turn(self, ready: Sequence[int] | None) -> bool:
        """Send all there is, read one batch of work, and what else has input.

        Sending uses up the edge of a zmq descriptor, so the work line is read in
        each turn, until nothing is there, and the other one if something was sent.
        """
        if self._shut:
            return False
        asks = bool(self._control.outbox)
        self._flush()
        work = self._work.socket
        batch = sockets.receive(work) if sockets.has_input(work) else None
        if batch is not None:
            self._read(self._work, *batch)
        if ready is None or asks or not self._calm or self._control.descriptor in ready:
            while (other := sockets.receive(self._control.socket)) is not None:
                self._read(self._control, *other)
        # A monitor's descriptor tells nothing before it was read for the first time.
        if ready is None or not self._calm or self._monitored.intersection(ready):
            for line in self._lines:
                if line.monitor.lost():
                    self._on_disconnect(line)
        if not self._calm:
            self._look_after_greeting()
        return batch is not None and sockets.has_input(work)

    def _flush(self) -> None:
        for line in self._lines:
            if line.outbox:
                line.flush()
                self._flushed = monotonic()

    def _has_output(self) -> bool:
        work, control = self._work, self._control
        return self._calm and bool(
            (work.outbox and work.has_room) or (control.outbox and control.has_room)
        )

    def _next_timer(self) -> float | None:
        if self._calm or self.closed is not None:
            return None
        return monotonic() + GREET_EVERY

    def _look_after_greeting(self) -> None:
        now = monotonic()
        for line in self._lines:
            line.tend(now)
        self._calm = self._are_open()
        if self._calm:
            self.absence.over()
        elif self.closed is not None:
            return
        elif not all(line.was_open for line in self._lines):
            if why := self.absence.why_none():
                self._end(ControllerUnreachable(why))
        else:
            away = min(line.away for line in self._lines if not line.is_open)
            why = self.absence.look(now - away)
            if why:
                self._end(TransportError(why))

    def _on_disconnect(self, line: Line) -> None:
        self._broke = True
        line.cut = True
        self._calm = False

    def _read(self, line: Line, head: Any, frames: list[Any]) -> None:
        messages = line.read(head, frames)
        if not line.is_open:
            self._calm = False
        at = 0
        for message in messages:
            count = getattr(message, "frames", 0)
            own = frames[at : at + count] if count else ()
            at += count
            if type(message) is Outcome:  # nearly all are
                self.tasks.on_outcome(message, own)
            else:
                self._handlers[type(message)](line, message, own)
