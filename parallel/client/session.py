"""What a client is known by, and what programs set on other packages' sessions."""

from __future__ import annotations

import os

__all__ = ["Session"]


class Session:
    """A client's id and key; everything else can be set, and is of no effect.

    Parameters
    ----------
    session
        What the ids of its messages begin with.
    key
        What let it in.
    """

    def __init__(self, session: str, key: bytes) -> None:
        self.session = session
        self.key = key
        self.bsession = session.encode()
        self.username = os.environ.get("USER", "username")
        #: Buffers travel uncopied from another size on: see `transport.sockets`.
        self.buffer_threshold = 1024
        self.copy_threshold = 1 << 16
        self.item_threshold = 64
        #: Nothing is signed, and so there is nothing to remember.
        self.digest_history: set[bytes] = set()
        self.digest_history_size = 1 << 16

    def __repr__(self) -> str:
        return f"<Session {self.session}>"
