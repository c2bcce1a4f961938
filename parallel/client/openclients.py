"""The clients of this process that are open: closed at its end, let go of in a fork."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from typing import Protocol

from .connection import Connection

__all__ = ["note_closed", "note_open"]


class Closable(Protocol):
    """What is needed of a client."""

    def close(self) -> None:
        """Disconnect."""

    def abandon(self) -> None:
        """Let go of what belongs to the process that forked this one."""


_open: weakref.WeakSet[Closable] = weakref.WeakSet()


def note_open(client: Closable, connection: Connection) -> None:
    """Take note of one more client, whose connection is closed if it is dropped.

    So whoever drops one without closing it leaves no thread or socket behind.
    """
    _open.add(client)
    weakref.finalize(client, _close_soon, connection).atexit = False


def note_closed(client: Closable) -> None:
    """Take note of one fewer."""
    _open.discard(client)


def _close_soon(connection: Connection) -> None:
    """Close a connection whose client was collected, by whatever thread that was."""
    if connection.closed is None:
        threading.Thread(target=connection.close, daemon=True).start()


def _abandon_all() -> None:
    for client in list(_open):
        client.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


@atexit.register
def _close_all() -> None:
    for client in list(_open):
        client.close()
