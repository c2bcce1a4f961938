"""Addresses that a process listens on, as others reach it: tcp://*:5555, from afar."""

from __future__ import annotations

import re
import socket
import warnings
from pathlib import Path

__all__ = [
    "advertised",
    "disambiguate_ip_address",
    "disambiguate_url",
    "folder_of",
    "has_vanished",
    "is_loopback",
]

LOCALHOST = "127.0.0.1"
_EVERY_INTERFACE = frozenset({"*", "0.0.0.0", "[::]"})
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|\[::1\]")
_TCP = re.compile(r"(?P<scheme>\w+)://(?P<host>[^/:]+|\[[^/]*\]):(?P<port>\d+)")


def advertised(url: str, location: str = "") -> list[str]:
    """Return the addresses by which a socket may be reached, the likeliest first.

    Parameters
    ----------
    url
        What it is bound to.
    location
        The name or address that its host is said to be reached by, if any is.
    """
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    if host not in _EVERY_INTERFACE:
        return [url]
    from .interfaces import own_addresses  # what it takes is seldom needed

    found = [location, *own_addresses(with_version_6=host == "[::]")]
    told = [f"[{each}]" if ":" in each else each for each in found if each]
    return [f"tcp://{each}:{port}" for each in dict.fromkeys(told)]


def is_loopback(url: str) -> bool:
    """Tell whether an address leads nowhere but to the host that it is used on."""
    host = url.removeprefix("tcp://").rpartition(":")[0]
    return url.startswith("ipc://") or bool(_LOOPBACK.fullmatch(host))


def disambiguate_url(url: str, location: str | None = None) -> str:
    """Return the address at which a socket is reached that listens on `url`.

    >>> disambiguate_url("tcp://*:5555")
    'tcp://127.0.0.1:5555'
    >>> disambiguate_url("tcp://*:5555", "192.0.2.7")
    'tcp://192.0.2.7:5555'

    Parameters
    ----------
    url
        What it is bound to. Comes back as it is if that is one interface, or no port.
    location
        The name or IP address of its host; this one by default.
    """
    found = _TCP.fullmatch(url)
    if found is None:
        return url
    host = disambiguate_ip_address(found["host"], location)
    return f"{found['scheme']}://{host}:{found['port']}"


def disambiguate_ip_address(ip: str, location: str | None = None) -> str:
    """Return the IP address at which a host is reached that listens on `ip`.

    Parameters
    ----------
    ip
        Comes back as it is, but for ``*`` and ``0.0.0.0``, all interfaces.
    location
        The name or IP address of the host; this one by default.
    """
    if ip not in _EVERY_INTERFACE:
        return ip
    own = socket.gethostname()
    if not location or location == own:
        return LOCALHOST
    address = _resolve(location)
    return LOCALHOST if _is_here(address) else address


def _resolve(host: str) -> str:
    try:
        return socket.gethostbyname(host)
    except OSError as error:
        warnings.warn(
            f"cannot find the IP address of {host}: {error}",
            RuntimeWarning,
            stacklevel=4,
        )
        return host


def _is_here(address: str) -> bool:
    """Tell whether an IP address is one of this host: only those can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def folder_of(url: str) -> Path | None:
    """Return the folder of a socket; None if it is not in one."""
    path = url.removeprefix("ipc://")
    return None if path == url else Path(path).parent


def has_vanished(url: str) -> bool:
    """Tell whether nobody will ever listen there again: a folder that was removed."""
    folder = folder_of(url)
    return folder is not None and not folder.is_dir()
