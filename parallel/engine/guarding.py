"""Looks after what an engine's main thread cannot send while it runs users' code."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..protocol.messages import ToEngine
from ..transport.dealer import Dealer
from .sender import Sender
from .stock import results_in, tasks_in

__all__ = ["HELD_LONGER", "HELD_MOST", "Guard"]

#: Results held back for a batch go out after so long, seconds, whatever runs; after the
#: longer one if the main thread was seen to send others meanwhile. To look costs it
#: some 40 µs each time.
HELD_MOST, HELD_LONGER = 2e-3, 8e-3


class Guard:
    """Sends on the control line what the main thread holds back, or could not say.

    Parameters
    ----------
    sender
        The main thread's.
    line, work
        The control line and that of the main thread.
    rouse
        Ends the side thread's wait.
    """

    def __init__(
        self,
        sender: Sender,
        line: Dealer[ToEngine],
        work: Dealer[ToEngine],
        rouse: Callable[[], None],
    ) -> None:
        self._sender = sender
        self._line = line
        self._work = work
        self._rouse = rouse
        #: Whether something is held, as far as is known.
        self.is_on = False
        #: Whoever guards looks again after so long, seconds.
        self.patience = HELD_MOST
        #: Held while results are taken from the main thread, and not said yet.
        self.moving = threading.Lock()
        #: The main thread's line was broken when that was looked at last.
        self._was_broken = False

    def begin(self) -> None:
        """Note, from the main thread, that results are held back from now on."""
        if not self.is_on:
            self.is_on = True
            self._rouse()

    def unconfirmed(self) -> set[bytes]:
        """Return what names the tasks whose results nobody has confirmed.

        From the main thread.
        """
        with self.moving:  # else a result may be on its way between the lines
            said_here = tasks_in(results_in(self._line.stream))
            return self._sender.unconfirmed() | said_here

    # In the side thread

    def look(self, now: float) -> None:
        """Say what has been held for too long."""
        if not self.is_on:
            return
        with self.moving:
            held, frames = self._sender.take_held(now - HELD_MOST)
            if held:
                self._line.say(held, frames)
        self.patience = HELD_MOST if held else HELD_LONGER
        if self._sender.is_quiet(now - HELD_LONGER):
            self.settle()

    def settle(self) -> None:
        """Look less often from now on, unless something is held.

        To look goes on as long as the main thread sends some and holds others; with
        engines by the hundred on a host, to do so half a second longer took more time
        than their tasks.
        """
        # In this order: what is held from here on is guarded by who holds it.
        self.is_on = False
        if self._sender.is_holding():
            self.is_on = True

    def carry(self) -> None:
        """Say what the main thread could not, if it is too busy to mend its line."""
        before = self._was_broken
        self._was_broken = self._work.cut or not self._work.is_open
        if before and self._was_broken and self._line.is_open:
            for messages, frames in self._sender.unheard():
                self._line.say(messages, frames)
