"""The IP addresses of this host, as the system lists them."""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import sys
from collections.abc import Iterator

__all__ = ["own_addresses"]

#: A socket that is "connected" there has the address that leads out of this host. It
#: is kept for documentation, and no packet is sent.
_OUTSIDE = ("192.0.2.1", 9)
_IS_UP = 1
#: Where a socket address holds the IP address, and how many bytes it has.
_PLACES = {socket.AF_INET: (4, 4), socket.AF_INET6: (8, 16)}


class _Interface(ctypes.Structure):
    """The beginning of getifaddrs(3)'s struct ifaddrs, the same on all systems."""


_Interface._fields_ = [
    ("next", ctypes.POINTER(_Interface)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def own_addresses(*, with_version_6: bool = False) -> list[str]:
    """Return the IP addresses of this host: the one that leads out first.

    Those that hold only on their own link, which nobody else can use, are left out.
    """
    found = map(ipaddress.ip_address, (*_outward(), *_on_interfaces()))
    versions = (4, 6) if with_version_6 else (4,)
    usable = [a for a in found if a.version in versions and not a.is_link_local]
    usable.sort(key=lambda a: (a.is_loopback, a.version))
    return [str(each) for each in dict.fromkeys(usable)] or ["127.0.0.1"]


def _outward() -> Iterator[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_OUTSIDE)
        except OSError:  # no way out
            return
        yield str(probe.getsockname()[0])


def _on_interfaces() -> Iterator[str]:
    system = ctypes.CDLL(None)
    first = ctypes.POINTER(_Interface)()
    if system.getifaddrs(ctypes.byref(first)):
        return
    try:
        each = first
        while each:
            interface = each.contents
            if interface.flags & _IS_UP and interface.address:
                yield from _address_at(interface.address)
            each = interface.next
    finally:
        system.freeifaddrs(first)


def _address_at(place: int) -> Iterator[str]:
    """Yield the IP address of a socket address in memory, if it holds one."""
    head = ctypes.string_at(place, 2)
    # The BSDs put the length before the family, and each takes one byte.
    is_bsd = sys.platform != "linux"
    family = head[1] if is_bsd else int.from_bytes(head, sys.byteorder)
    if family in _PLACES:
        begin, length = _PLACES[socket.AddressFamily(family)]
        packed = ctypes.string_at(place + begin, length)
        yield str(ipaddress.ip_address(packed))
