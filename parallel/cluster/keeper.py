"""The controller as its agent keeps it: started, and again when it dies."""

from __future__ import annotations

import signal
import socket
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic

import msgspec

from ..aliases import Uuid
from ..controller.spec import ControllerSpec
from ..protocol.messages import AgentTrouble, EngineDied, ToAgent, Up
from ..state.restarts import Restarts
from ..transport.pipe import Pipe
from .child import ChildSpec
from .ends import last_lines, log_size, say_death

__all__ = ["Keeper"]

#: So many deaths within a minute of controllers that did not last, and no more.
MOST_DEATHS = 10
#: A controller that has lived so long, seconds, had come up well.
SETTLED = 5.0
#: So many deaths of engines are told to the next controller.
REMEMBERED = 200


class Keeper:
    """Keeps one controller up, each in the place of the one before it.

    The next one has the same keys, listens where the last one did, and has a higher
    epoch. It is told which engines live, and which have died.

    Parameters
    ----------
    spec
        What the first one is started with.
    log
        The file for what it says of itself.
    start
        Starts a child of the agent, and returns its pid.
    """

    def __init__(
        self, spec: ControllerSpec, log: str, start: Callable[[ChildSpec], int]
    ) -> None:
        self._spec = msgspec.structs.replace(spec, epoch=spec.epoch - 1)
        self._log = log
        self._start = start
        self._restarts = Restarts(MOST_DEATHS)
        #: The process; 0 between two of them.
        self.pid = 0
        self.link: Pipe | None = None
        #: Where it listens; none before the first one has come up.
        self.urls: list[str] = []
        self._born = 0.0
        #: When the last one died, seconds (monotonic).
        self.died_at = float("-inf")
        #: How the last one ended, as long as its users have not been told.
        self._how = ""
        self._last_words = ""
        self._deaths: deque[EngineDied] = deque(maxlen=REMEMBERED)

    @property
    def epoch(self) -> int:
        """Which one it is, counted from 1."""
        return self._spec.epoch

    def start(self, alive: Sequence[Uuid]) -> Pipe:
        """Start a controller; return the pipe to it.

        Parameters
        ----------
        alive
            The engines whose processes are there.
        """
        ours, theirs = socket.socketpair()
        self.link = Pipe(ours, list[ToAgent])
        self._spec = msgspec.structs.replace(
            self._spec,
            epoch=self._spec.epoch + 1,
            urls=self.urls or self._spec.urls,
            alive=list(alive),
        )
        self._log_begin = log_size(self._log)
        what = ChildSpec(log=self._log, controller=self._spec, link=theirs.fileno())
        self._born = monotonic()
        self.pid = self._start(what)
        theirs.close()
        if self._deaths:
            self.link.send(list(self._deaths))
        return self.link

    def up(self, up: Up) -> AgentTrouble | None:
        """Take note that it listens; return what users are to know of its restart."""
        self.urls = up.urls
        how, self._how = self._how, ""
        if not how:
            return None
        away = monotonic() - self.died_at
        return AgentTrouble(
            f"{how}. Another one has taken its place (pid {self.pid}, epoch "
            f"{self.epoch}) after {away:.2f} s, at the same address",
            hinders=False,
        )

    def hear(self, trouble: AgentTrouble) -> AgentTrouble | None:
        """Take in what it says of itself; return what its owner is to know at once.

        What ends one that had come up is told with its death.
        """
        if trouble.fatal and self.urls:
            self._last_words = f": {trouble.text}"
            return None
        return trouble

    def hang_up(self) -> None:
        """Close the pipe to it."""
        if self.link is not None:
            self.link.close()
            self.link = None

    def died(self, code: int) -> AgentTrouble | None:
        """Take note of its death; return why there is to be no other, or None."""
        now = self.died_at = monotonic()
        how = f"the controller {say_death(self.pid, code)}{self._last_words}"
        self.pid, self._last_words = 0, ""
        if code not in (-signal.SIGKILL, -signal.SIGTERM):  # else it says nothing of it
            how += last_lines(self._log, self._log_begin)
        self._how = how if not self._how else f"{self._how}; {how}"
        if code == 0:
            why = f"{how}, as by a SIGTERM: so the cluster ends"
            return AgentTrouble(why, fatal=True)
        lasted = now - self._born > SETTLED
        if self.urls and self._restarts.may_restart(
            "controller", now, had_worked=lasted
        ):
            return None
        if self.urls:
            how += (
                f"\nIt was the last of {MOST_DEATHS} deaths within a minute, so the "
                f"cluster ends. The controller's log is {self._log}"
            )
        return AgentTrouble(how, fatal=True)

    def take_leave(self, why: str) -> None:
        """Have those who come back to its address told why there is none any more."""
        spec = msgspec.structs.replace(self._spec, urls=self.urls, farewell=why)
        if self.urls:
            self.pid = self._start(ChildSpec(log=self._log, controller=spec))

    def engine_died(self, died: EngineDied) -> None:
        """Tell it of an engine's death, or the next one."""
        told = self.link is not None and self.link.send([died])
        if told:  # it may die before it has heard of it
            died = msgspec.structs.replace(died, stdout="", stderr="")
        self._deaths.append(died)

    def tell(self, trouble: AgentTrouble) -> None:
        """Have it tell its clients something."""
        if self.link is not None:
            self.link.send([trouble])
