"""What a controller does because time has passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .agents import Agents
from .dispatch import Dispatch
from .hub import Hub
from .peers import Peers
from .searching import Search

__all__ = ["Timers"]

#: Disconnected engines are looked for this often, seconds.
LOOK = 0.05
#: What clients have got is confirmed so often to who is not told anyway, seconds.
CONFIRMING = 0.25


class Timers:
    """Wakes the parts up that wait for a time, while there is something to wait for.

    Parameters
    ----------
    send_now
        Sends what is to be said to all, out of turn.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        dispatch: Dispatch,
        hub: Hub,
        agents: Agents,
        search: Search,
        peers: Peers,
        send_now: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._dispatch = dispatch
        self._hub = hub
        self._agents = agents
        self._search = search
        self._peers = peers
        self._send_now = send_now
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._confirming: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Set those that are needed, as things stand at the end of a turn."""
        wakeup = self._dispatch.machine.wakeup
        if self._timer is not None and wakeup != self._timer.when():
            self._timer.cancel()
            self._timer = None
        if wakeup is not None and self._timer is None:
            self._timer = self._loop.call_at(wakeup, self._on_time)
        hub = self._hub
        is_waiting = hub.missing or hub.muster.awaited or self._agents.is_waiting
        if is_waiting and self._looking is None:
            self._looking = self._loop.call_later(LOOK, self.look)
        if self._confirming is None and self._peers.receipts:
            self._confirming = self._loop.call_later(CONFIRMING, self._on_confirming)

    def _on_time(self) -> None:
        self._timer = None
        self._dispatch.on_time(self._loop.time())
        self._send_now()

    def _on_confirming(self) -> None:
        self._confirming = None
        self._peers.confirm()
        self._send_now()

    def look(self) -> None:
        """Look for engines that are away."""
        self._looking = None
        self._agents.settle(self._loop.time())
        self._search.look_for_missing(self._loop.time())
        if self._hub.muster.awaited:
            self._search.look_for_awaited(self._loop.time())
        self._send_now()
