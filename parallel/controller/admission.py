"""Who may come in under which role: what a greeting proves, and who is there."""

from __future__ import annotations

from collections.abc import Container

from ..aliases import Uuid
from ..protocol.messages import PROTOCOL, Hello
from ..transport.keys import Keys
from .muster import Muster
from .peers import Peers

__all__ = ["CHANNELS", "Admission"]

#: The kinds of connections that each process has. An agent has the second one only.
CHANNELS = ("work", "control")


class Admission:
    """Judges greetings.

    Parameters
    ----------
    engines, given_up
        Those that are there, and those that are not to come back.
    """

    def __init__(
        self,
        keys: Keys,
        peers: Peers,
        muster: Muster,
        engines: Container[Uuid],
        given_up: Container[Uuid],
    ) -> None:
        self._keys = keys
        self._peers = peers
        self._muster = muster
        self._engines = engines
        self._given_up = given_up

    def why_not(self, hello: Hello, routing_id: bytes, curve: str | None) -> str:
        """Say why a peer may not come in; nothing if it may.

        Parameters
        ----------
        curve
            The role that its connection has proved; None where that proves none.
        """
        why = _objection(hello, self._keys, curve)
        if not why and self._is_of_another_role(hello):
            why = "its uuid is that of a peer of another role"
        why = why or self._why_not_here(hello, routing_id)
        if not why and hello.role == "engine":
            why = self._why_not_again(hello, routing_id)
        return why

    def _is_of_another_role(self, hello: Hello) -> bool:
        """Tell whether a greeting would put a peer in another role's place."""
        if hello.role != "engine" and hello.uuid in self._engines:
            return True
        known = (self._peers.channel(hello.uuid, each) for each in CHANNELS)
        return any(peer is not None and peer.role != hello.role for peer in known)

    def _why_not_here(self, hello: Hello, routing_id: bytes) -> str:
        """Say why a peer may not greet so on a connection that has been used.

        Else who has one could have any number of names, and memory for each.
        """
        before = self._peers.by_route(routing_id)
        if before is not None and self._peers.by_session(before.session) is None:
            return "it has taken its leave on this connection: make another one"
        if before is not None and (before.role, before.channel, before.uuid) != (
            hello.role, hello.channel, hello.uuid
        ):  # fmt: skip
            return "it has greeted under another name on this connection"
        return ""

    def _why_not_again(self, hello: Hello, routing_id: bytes) -> str:
        """Say why an engine that was here before may not come back."""
        if hello.uuid in self._given_up:
            return "its connection broke, and its work was given to others"
        known = self._peers.channel(hello.uuid, hello.channel)
        if known is None:
            lost = bool(hello.session) and hello.uuid not in self._muster.awaited
            return "its session was with an earlier controller" if lost else ""
        if self._peers.earlier(hello, routing_id) is None:
            return "an engine of this uuid is connected: its place is taken"
        return ""


def _objection(hello: Hello, keys: Keys, curve: str | None) -> str:
    """Say why a greeting is no good, whoever is there; nothing if it is good."""
    role = keys.role_of(hello.secret)
    if hello.protocol != PROTOCOL:
        return (
            f"it speaks protocol {hello.protocol}, this controller {PROTOCOL}: "
            "install the same release on both sides"
        )
    if role is None or (curve is not None and curve != role):
        return (
            "its key is not of this cluster: the connection file is of another "
            "cluster, or of an earlier one at the same address"
        )
    # Agents come with the key of the engines that they watch.
    if role != hello.role and (role, hello.role) != ("engine", "agent"):
        return f"its key is for the role {role!r}, and it says {hello.role!r}"
    channels = CHANNELS[1:] if hello.role == "agent" else CHANNELS
    if hello.channel not in channels or len(hello.uuid) != 16 or hello.pid <= 0:
        return "the greeting is malformed"
    return ""
