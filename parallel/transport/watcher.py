"""Waiting until there is something to read: on sockets, and on other descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import zmq

from .durations import milliseconds

__all__ = ["Watcher", "wait_readable"]


class Watcher:
    """Waits for sockets and descriptors, the same ones again and again."""

    def __init__(self, sockets: Sequence[Any], descriptors: Sequence[int]) -> None:
        self._poller = zmq.Poller()
        for item in (*sockets, *descriptors):
            self._poller.register(item, zmq.POLLIN)

    def wait(self, timeout: float | None) -> bool:
        """Wait, for `timeout` seconds; tell whether one of them can be read."""
        return bool(self._poller.poll(milliseconds(timeout)))


def wait_readable(
    sockets: Sequence[Any], descriptors: Sequence[int], timeout: float | None
) -> bool:
    """Wait until a socket or a descriptor can be read: see `Watcher`."""
    return Watcher(sockets, descriptors).wait(timeout)
