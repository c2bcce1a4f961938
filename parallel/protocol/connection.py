"""The connection file: how to reach a controller, and the keys to be let in."""

from __future__ import annotations

import msgspec

from ..errors import ConnectionRefused
from .secrets import repr_without

__all__ = ["ConnectionInfo", "Curve", "curve_keys", "from_json", "to_json"]


class Curve(msgspec.Struct, frozen=True):
    """CURVE keys, Z85 text: the server's public key and a peer's own pair."""

    server: str
    public: str
    secret: str

    def __repr__(self) -> str:
        return repr_without(self, "secret")


class ConnectionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """All that a peer of one role must know to join a cluster.

    Parameters
    ----------
    urls
        Addresses of the one socket, the best first.
    role
        `client` or `engine`.
    secret
        What proves the role in the greeting; the curve keys prove it again on TCP.
    location
        The host that the controller runs on, as others are to call it.
    host
        What that host calls itself.
    ssh
        A host from which the controller is reached: a tunnel is made to there.
    through
        In words, where the addresses lead if they are the ends of a tunnel; this
        stands in no file.
    """

    cluster_id: str
    urls: list[str]
    role: str
    secret: str
    location: str
    curve: Curve | None = None
    #: So that a file of another program or release is told apart.
    format: str = "parallel-connection-1"
    host: str = ""
    ssh: str = ""
    through: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def where(self) -> str:
        """What the best address is called where users are told of it."""
        return self.through or self.urls[0]

    def __repr__(self) -> str:
        return repr_without(self, "secret")


def curve_keys(info: ConnectionInfo) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return the server's public key and a peer's own pair; None without encryption."""
    keys = info.curve
    if keys is None:
        return None, None, None
    return keys.server.encode(), keys.public.encode(), keys.secret.encode()


def to_json(info: ConnectionInfo) -> bytes:
    """Return the text of a connection file."""
    return msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"


def from_json(text: bytes, source: str) -> ConnectionInfo:
    """Return what a connection file says.

    Parameters
    ----------
    source
        The name of the file, for the error.

    Raises
    ------
    ConnectionRefused
        It is empty, cut short, of another program or of another format.
    """
    try:
        info = msgspec.json.decode(text, type=ConnectionInfo)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConnectionRefused(
            f"{source} is not a connection file of this package: {error}. "
            "Was it written by another program, or cut short? "
            "Start the cluster again to have it written anew."
        ) from error
    if info.format != "parallel-connection-1" or not info.urls:
        raise ConnectionRefused(
            f"{source} has the format {info.format!r} with {len(info.urls)} addresses; "
            "this release reads 'parallel-connection-1'"
        )
    return info
