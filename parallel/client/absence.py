"""What a client says and does while its controller cannot be reached."""

from __future__ import annotations

import logging

from ..protocol.connection import ConnectionInfo
from ..transport.addresses import folder_of, has_vanished
from ..transport.holding import is_abandoned
from ..transport.probing import is_elsewhere, say_loopback

__all__ = [
    "RECONNECT_TIMEOUT",
    "TOLD_AFTER",
    "Absence",
    "say_forgotten",
    "say_unanswered",
]

_log = logging.getLogger("parallel.client")

#: A controller that cannot be reached is given up after so long, seconds.
RECONNECT_TIMEOUT = 60.0
#: Short cuts are mended without a word; of longer ones, seconds, the user is told.
TOLD_AFTER = 2.0
KEY_HINT = (
    " Somebody is there and breaks the connection off: the keys may be those of "
    "another cluster, or the controller is being started again, or it has all the "
    "connections that it may have: its log tells."
)


def say_unanswered(info: ConnectionInfo, *, broke: bool) -> str:
    """Say why it may be that no controller answers, and what to do.

    Parameters
    ----------
    broke
        A connection was made, and broke.
    """
    asked = f"is this host able to reach {info.location}?"
    if broke:
        return asked + KEY_HINT
    loopback = say_loopback(info)
    if loopback:
        return f"{asked} It seems not: {loopback}"
    if not is_elsewhere(info):
        return asked
    return f"{asked} If a firewall is between, Client(sshserver=…) goes there by ssh."


def say_forgotten(where: str, *, anew: bool) -> str:
    """Say why a controller does not know what was under way.

    Parameters
    ----------
    anew
        It is not the one that was asked for it.
    """
    if anew:
        return (
            f"the controller at {where} was started again, and not to take up what was "
            "under way (as ipcontroller --restore does): make a new Client, and submit "
            "again what that finds no result of (get_result, by id or label)"
        )
    return (
        f"the controller at {where} has let go of this client, which was stopped or "
        "cut off for minutes. Its tasks go on: make a new Client, which finds their "
        "results (get_result, by id or label)"
    )


class Absence:
    """How long there has been no word from a controller, and what that means.

    Parameters
    ----------
    url
        Where it was reached.
    where
        What that is called.
    """

    def __init__(self, url: str, where: str) -> None:
        self._url = url
        self._where = where
        #: What it holds as long as it is there, and who would start it again; None if
        #: that cannot be seen from here.
        self.folder = folder_of(url)
        #: After so long it is given up, seconds; None for never.
        self.timeout: float | None = RECONNECT_TIMEOUT
        self._seconds = 0.0
        self._told = False

    def look(self, seconds: float) -> str:
        """Take note that it has been away for so long; say why to give up, if so."""
        self._seconds = seconds
        if has_vanished(self._url):
            return (
                f"the controller is gone, and so is {self._where}: its cluster was "
                "stopped or killed. What was under way has no result"
            )
        if self.folder is not None and is_abandoned(self.folder):
            return (
                f"the controller at {self._where} was killed, and nobody is left who "
                "would start another: its agent is gone, too. What was under way has "
                "no result"
            )
        if self.timeout is not None and seconds >= self.timeout:
            return (
                f"no word from the controller at {self._where} for {seconds:.3g} s: it "
                "was killed, or the network is cut. What was under way has no result "
                "here. Client(reconnect_timeout=…) is how long it is waited for"
            )
        if seconds >= TOLD_AFTER and not self._told:
            self._told = True
            _log.warning("%s", self.say())
        return ""

    def why_none(self) -> str:
        """Say why nobody will ever answer who has not yet, if that is so."""
        folder = self.folder
        if folder is None or not (folder.is_dir() and is_abandoned(folder)):
            return ""  # one that is not there may be made again
        return (
            f"no controller answers at {self._where}: it was killed, and nobody is "
            "left who would start another. Start a cluster anew"
        )

    def over(self) -> None:
        """Take note that it is there again."""
        if self._told:
            _log.warning(
                "the controller at %s is there again after %.3g s: nothing is lost",
                self._where, self._seconds,
            )  # fmt: skip
        self._told = False

    def say(self) -> str:
        """Say in words what is waited for."""
        most = self.timeout
        then = "" if most is None else f"; gives up after {most:g} s"
        return (
            f"no word from the controller at {self._where} for {self._seconds:.3g} s; "
            f"trying again{then}"
        )
