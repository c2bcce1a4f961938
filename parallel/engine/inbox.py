"""The work line of an engine as its main thread reads it: tasks wait here in line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from ..protocol.messages import Assign, Message, ToEngine
from ..transport import sockets
from ..transport.dealer import Dealer
from .doze import Doze

__all__ = ["Inbox"]

#: Whoever waits for work looks this often whether its line is to be tended, seconds.
LOOK_EVERY = 0.5
#: Whoever has been idle for so long, seconds, waits so that it hears of a broken line.
DOZE_AFTER = 0.05
#: Tasks wait while so much of what earlier ones returned is not read, bytes.
UNREAD = 64 << 20


class Inbox:
    """Reads what comes on the work line, and keeps tasks until it is their turn.

    Parameters
    ----------
    on_message
        Is told what is no task.
    is_ending
        Tells whether the engine has been told to end.
    """

    def __init__(
        self,
        socket: Any,
        line: Dealer[ToEngine],
        on_message: Callable[[Message], None],
        is_ending: Callable[[], bool],
    ) -> None:
        sockets.limit_wait(socket, DOZE_AFTER)
        self._socket = socket
        self._line = line
        self._on_message = on_message
        self.is_ending = is_ending
        self._doze = Doze(socket)
        #: The tasks that have come, each with its frames, in the order of their turns.
        self.tasks: deque[tuple[Assign, Sequence[Any]]] = deque()

    @property
    def descriptor(self) -> int:
        """What to wait on for what comes."""
        return sockets.descriptor(self._socket)

    def wait(self) -> None:
        """Wait for what comes next, for a while; meanwhile the line may be cut."""
        if not self.wait_shortly():
            self._doze.wait(LOOK_EVERY)

    def wait_shortly(self) -> bool:
        """Take in what comes within some 50 ms; tell whether anything has."""
        self._line.tend(monotonic())
        batch = sockets.receive(self._socket, wait=True)
        if batch is not None:
            self._take_in(batch)
        return batch is not None

    def wait_for_reader(self) -> None:
        """Wait while the controller has far more to read: nothing else bounds that."""
        while self._line.stream.unread > UNREAD and not self.is_ending():
            self.wait()

    def has_task(self) -> bool:
        """Tell whether there is a task, or something that may be one."""
        self._line.tend(monotonic())
        return bool(self.tasks) or sockets.has_input(self._socket)

    def read(self) -> None:
        """Take in all that has come."""
        while (batch := sockets.receive(self._socket)) is not None:
            self._take_in(batch)

    def _take_in(self, batch: tuple[Any, Sequence[Any]]) -> None:
        messages = self._line.read(*batch)
        at = 0
        for message in messages:
            if type(message) is Assign:
                frames = batch[1][at : at + message.frames]
                at += message.frames
                self.tasks.append((message, frames))
            else:
                self._on_message(message)

    def wake(self) -> None:
        """End the wait of `wait`, or the next one; from another thread."""
        self._doze.wake()

    def close(self) -> None:
        """Wait no more; nobody may wake it from now on."""
        self._doze.close()
