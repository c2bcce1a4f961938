"""Tasks for an enemy that plays an engine: each has to end, whatever it says."""

from __future__ import annotations

import os
import pickle
import socket
import uuid
from typing import Any

from parallel.protocol.connection import ConnectionInfo
from parallel.protocol.messages import Hello, Method, Outcome, Submit
from parallel.protocol.wire import encode
from tests.waiting import wait_until

from .enemy import Enemy, Line

__all__ = ["Bait"]

#: So many tasks are under way at most.
MOST = 20


class Bait:
    """An honest client that sends an enemy work."""

    def __init__(self, context: Any, info: ConnectionInfo, enemy: Enemy) -> None:
        self._enemy = enemy
        self._line = Line(
            context,
            info,
            Hello(
                "client", "work", uuid.uuid4().bytes, info.secret,
                socket.gethostname(), os.getpid(),
            ),
        )  # fmt: skip
        self._line.greet()
        self._sent = self._ended = 0

    def attack(self) -> int:
        """Send a task or two, if those before have ended."""
        self._hear()
        if self._sent - self._ended < MOST and self._enemy.engine_id is not None:
            targets = [self._enemy.engine_id]
            payload = pickle.dumps(())
            submit = Submit(self._sent, Method.PULL, b"", payload, 0, targets)
            self._line.send([encode(self._line.session, [submit])])
            self._sent += 1
        return 0

    def _hear(self) -> None:
        self._line.hear()
        told, self._line.told = self._line.told, []
        self._ended += sum(isinstance(each, Outcome) for each in told)

    def leave(self) -> list[str]:
        """Have the enemy leave, and see that all tasks have ended."""
        self._enemy.leave()
        try:
            wait_until(self._has_all, 60, "end of each task of the enemy")
        except AssertionError as error:
            return [f"{error}: {self._ended} of {self._sent}"]
        finally:
            self._line.close()
        return []

    def _has_all(self) -> bool:
        self._hear()
        return self._ended == self._sent
