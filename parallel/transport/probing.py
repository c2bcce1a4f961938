"""Which of a controller's addresses answers from here, if it has several."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from time import monotonic

import msgspec
import zmq

from ..errors import ControllerUnreachable
from ..protocol.connection import ConnectionInfo
from . import endpoints, sockets
from .addresses import is_loopback
from .endpoints import new_context, new_peer
from .monitors import new_monitor
from .watcher import wait_readable

__all__ = ["is_elsewhere", "reach", "say_loopback", "say_way"]

#: The first address is tried alone for so long, seconds: each attempt costs the
#: controller the keys of an encrypted connection.
HEAD_START = 0.25
#: What libzmq tells of a connection: it is there, the controller has shown its key
#: and let this one in, or it is broken off.
_THERE, _LET_IN = int(zmq.EVENT_CONNECTED), int(zmq.EVENT_HANDSHAKE_SUCCEEDED)

_STORIES = {
    True: "somebody is there, and does not know our keys",
    False: "nobody answers",
}


def is_elsewhere(info: ConnectionInfo) -> bool:
    """Tell whether the controller runs on another host than this."""
    return socket.gethostname() not in (info.host, info.location)


def reach(info: ConnectionInfo, timeout: float | None) -> ConnectionInfo:
    """Return what leads to the controller by one address, which answers from here.

    The address is asked for its key: who else may have it in this network is not
    taken for the controller. A single address is not asked.

    Parameters
    ----------
    timeout
        Seconds to try; None for ever.

    Raises
    ------
    ControllerUnreachable
        None of them answers: which were tried, and what came of it.
    """
    urls = info.urls
    if is_elsewhere(info):  # what is at this host's own loopback is another thing
        urls = [url for url in urls if not is_loopback(url)] or urls
    if len(urls) > 1:
        urls = [_first_to_answer(info, urls, timeout)]
    return msgspec.structs.replace(info, urls=urls)


def say_loopback(info: ConnectionInfo) -> str:
    """Say that the controller cannot be reached from here, and why; '' if it may be."""
    if not is_elsewhere(info) or not all(map(is_loopback, info.urls)):
        return ""
    return (
        f"the controller runs on {info.location} and listens to that host only "
        f"({', '.join(info.urls)}): start it with --ip='*' to reach it from here "
        f"({socket.gethostname()}), or go there by ssh (Client(sshserver=…), "
        "ipengine --ssh=…)"
    )


def say_way(info: ConnectionInfo) -> str:
    """Say what may be in the way of an engine to its controller, and what to do."""
    loopback = say_loopback(info)
    if loopback:
        return f" {loopback}"
    if info.through or not is_elsewhere(info):
        return ": is it still running?"
    return (
        f": is it still running, and can {socket.gethostname()} reach {info.location}? "
        "If a firewall is between, --ssh=… goes there by ssh"
    )


def _first_to_answer(
    info: ConnectionInfo, urls: list[str], timeout: float | None
) -> str:
    begin = monotonic()
    deadline = None if timeout is None else begin + timeout
    with _probes(info) as probes:
        probes.try_at(urls[0])
        probes.wait(begin + HEAD_START)
        if not probes.answered:
            for url in urls[1:]:
                probes.try_at(url)
            probes.wait(deadline)
        if probes.answered:
            return probes.answered
        if info.through:  # ssh answers at the near ends, whoever is at the far ones
            raise ControllerUnreachable(
                f"no controller answered within {timeout:.3g} s at {info.where}. Is it "
                "still running, and can that host reach it?"
            )
        raise ControllerUnreachable(
            f"no controller of cluster {info.cluster_id!r} on {info.location} "
            f"answered within {timeout:.3g} s: {probes.story()}. Is it still "
            "running, and does a firewall let its port through?"
        )


@contextlib.contextmanager
def _probes(info: ConnectionInfo) -> Iterator[_Probes]:
    context = new_context(encrypted=info.curve is not None)
    try:
        yield _Probes(context, info)
    finally:
        context.destroy(0)


class _Probes:
    """Connections to several addresses, of which one is to be chosen."""

    def __init__(
        self, context: zmq.Context[sockets.Socket], info: ConnectionInfo
    ) -> None:
        self._context = context
        self._info = info
        self._monitors: dict[sockets.Socket, str] = {}
        self._met: set[str] = set()
        #: The address that has answered, or ''.
        self.answered = ""

    def try_at(self, url: str) -> None:
        """Connect to one more address."""
        probe = new_peer(self._context, self._info)
        self._monitors[new_monitor(probe, _THERE | _LET_IN)] = url
        endpoints.connect(probe, url)

    def wait(self, deadline: float | None) -> None:
        """Wait until one of them has answered, or it is so late; None for ever."""
        while not self.answered:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return
            wait_readable(list(self._monitors), [], left)
            for monitor, url in self._monitors.items():
                while sockets.has_input(monitor):
                    event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
                    if event == _THERE:
                        self._met.add(url)
                    elif event == _LET_IN:
                        self.answered = self.answered or url

    def story(self) -> str:
        """Say what came of each address."""
        urls = self._monitors.values()
        return "; ".join(f"{url}: {_STORIES[url in self._met]}" for url in urls)
