"""The secrets of one cluster, and who is let in with which.

Clients and engines hold different secrets and different CURVE pairs: an engine's
cannot submit work.
"""

from __future__ import annotations

import logging
import secrets
import socket
from typing import TYPE_CHECKING, Any

import msgspec
import zmq
import zmq.auth
from zmq.utils import z85

from ..protocol.connection import ConnectionInfo, Curve
from ..protocol.secrets import repr_without

if TYPE_CHECKING:
    import asyncio

__all__ = ["ROLES", "ZAP_DOMAIN", "Gate", "KeyPair", "Keys", "new_keys"]

ROLES = ("client", "engine")


class KeyPair(msgspec.Struct, frozen=True):
    """A CURVE pair, Z85 text."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return repr_without(self, "secret")


class Keys(msgspec.Struct, frozen=True):
    """All secrets of a cluster: the controller's own, and one set a role."""

    server: KeyPair
    pairs: dict[str, KeyPair]
    secrets: dict[str, str]

    def __repr__(self) -> str:
        return repr_without(self, "secrets")

    def info(
        self, role: str, cluster_id: str, urls: list[str], *, encrypted: bool
    ) -> ConnectionInfo:
        """Return what a peer of one role is to know."""
        pair = self.pairs[role]
        curve = Curve(self.server.public, pair.public, pair.secret)
        return ConnectionInfo(
            cluster_id=cluster_id,
            urls=urls,
            role=role,
            secret=self.secrets[role],
            location=socket.gethostname(),
            host=socket.gethostname(),
            curve=curve if encrypted else None,
        )

    def role_of(self, secret: str) -> str | None:
        """Return the role that a greeting's secret proves, or None."""
        for role, own in self.secrets.items():
            if secrets.compare_digest(own.encode(), secret.encode()):
                return role
        return None


def new_keys() -> Keys:
    """Return fresh secrets: no two clusters share any."""
    return Keys(
        server=_new_pair(),
        pairs={role: _new_pair() for role in ROLES},
        secrets={role: secrets.token_hex(16) for role in ROLES},
    )


def _new_pair() -> KeyPair:
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


#: The domain of our sockets' questions to the gate.
ZAP_DOMAIN = "parallel"


class Gate(zmq.auth.Authenticator):
    """Asked by libzmq for each CURVE connection: known keys only, and their role.

    The role becomes the `User-Id` of every message of the connection. It is to
    exist before a socket is bound, or early comers are judged without it.
    """

    def __init__(self, context: zmq.Context[Any], keys: Keys) -> None:
        super().__init__(context, log=logging.getLogger("parallel.gate"))
        self._roles = {pair.public: role for role, pair in keys.pairs.items()}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.configure_curve_callback(ZAP_DOMAIN, credentials_provider=self)
        self.start()

    def callback(self, domain: str, key: bytes) -> bool:
        """Tell whether a peer's public key (Z85) is one of ours."""
        return key.decode() in self._roles

    def curve_user_id(self, client_public_key: bytes) -> str:
        """Return the role that goes with a public key."""
        return self._roles[z85.encode(client_public_key).decode()]

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer from this loop, until `stop`."""
        self._loop = loop
        loop.add_reader(self.zap_socket.FD, self._on_readable, loop)
        self._on_readable(loop)

    def stop(self) -> None:
        """Answer no more."""
        if self.zap_socket and self._loop is not None:
            self._loop.remove_reader(self.zap_socket.FD)
        super().stop()

    def _on_readable(self, loop: asyncio.AbstractEventLoop) -> None:
        zap = self.zap_socket
        while zap and not zap.closed and int(zap.get(zmq.EVENTS)) & zmq.POLLIN:
            question = zap.recv_multipart()
            task = loop.create_task(self.handle_zap_message(question))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # The reply's send uses up the edge of the descriptor: look again.
            task.add_done_callback(lambda _: self._on_readable(loop))
