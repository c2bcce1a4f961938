"""Who reads the sockets: the thread that waits, or one in the background.

A thread that waits for a result reads the sockets itself: no hand-over between
threads stands on the way of a round trip (each costs 50 µs and more). While
nobody waits, a background thread reads, so that callbacks and futures work.

The sockets are touched under one lock; waiting for input is done outside it.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Sequence
from time import monotonic

__all__ = ["Pump"]

#: The background thread keeps out for so long after a waiting thread, seconds:
#: who waited once will soon wait again.
GRACE = 0.01
#: While it keeps out, it looks this often whether it is wanted, seconds.
PARKED = 0.05


class Pump:
    """Drives one connection's input and output.

    Parameters
    ----------
    turn
        Sends all there is, and reads some; called under the lock with the descriptors
        that have input, or None when any may. Tells whether to call it again before
        waiting.
    descriptors
        What to wait on for input.
    has_output
        Tells whether there is anything to send.
    next_timer
        Returns the monotonic time at which a turn is due without input, or None.
    """

    def __init__(
        self,
        turn: Callable[[Sequence[int] | None], bool],
        descriptors: Sequence[int],
        has_output: Callable[[], bool],
        next_timer: Callable[[], float | None],
    ) -> None:
        self._turn = turn
        self._has_output = has_output
        self._next_timer = next_timer
        self.lock = threading.RLock()
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        # One for the waiting thread, one for the background: a poll object serves
        # one thread at a time.
        self._waiting_poll, self._background_poll = select.poll(), select.poll()
        for descriptor in (*descriptors, self._wakeup[0]):
            for poll in (self._waiting_poll, self._background_poll):
                poll.register(descriptor, select.POLLIN)
        self._asleep = False
        self._turning = False
        self._leader: int | None = None
        self._followers = 0
        self._led = 0.0
        self._parked = threading.Event()
        #: The background thread keeps out, or is about to.
        self._out = False
        self._closed = False
        self._lead_lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, name="parallel-client", daemon=True
        )

    def start(self) -> None:
        """Start the background thread."""
        self._thread.start()

    def close(self) -> None:
        """End the background thread."""
        self._closed = True
        self._parked.set()
        self._wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2)
        with self.lock:
            for end in self._wakeup:
                os.close(end)

    def abandon(self) -> None:
        """Forget the threads, which a fork leaves behind, and what they held."""
        self._closed = True
        self.lock = threading.RLock()
        self._lead_lock = threading.Lock()
        self._leader = None

    # Sending

    def nudge(self, *, now: bool) -> None:
        """See that output is sent: now, if nobody is at it, or soon."""
        if now and self.lock.acquire(blocking=False):
            try:
                # A turn under way, of which this is part, will see to it.
                if not self._turning and not self._closed:
                    self._take_turns(None)
            finally:
                self.lock.release()
        else:
            self._wake()

    def look(self) -> None:
        """Take in what has come, unless another thread is at it."""
        self.nudge(now=True)

    def attend(self) -> None:
        """Let the background thread take over at once: somebody counts on it."""
        self._led = 0.0
        self._parked.set()

    def _wake(self) -> None:
        if self._asleep:
            self._asleep = False
            with contextlib.suppress(OSError):
                os.write(self._wakeup[1], b"w")
        elif self._out and self._leader is None:
            self._out = False
            self._parked.set()

    # Waiting

    def wait(
        self,
        done: Callable[[], bool],
        follow: Callable[[float | None], object],
        deadline: float | None,
    ) -> bool:
        """Wait until `done()`, or until the monotonic `deadline`; tell which.

        What is to be sent goes first, without a nudge.

        Parameters
        ----------
        follow
            Waits for the same at most so many seconds while another thread reads.
        """
        if self._leader == threading.get_ident():
            return self._lead(done, deadline)  # a callback waits in its turn
        while not done():
            if not self._lead_lock.acquire(blocking=False):
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    return done()
                self._wake()
                self._follow(follow, left)
                continue
            try:
                self._leader = threading.get_ident()
                return self._lead(done, deadline)
            finally:
                self._leader = None
                self._led = monotonic()
                self._lead_lock.release()
                if self._followers:
                    self.attend()
        return True

    def _follow(
        self, follow: Callable[[float | None], object], left: float | None
    ) -> None:
        self._followers += 1
        try:
            # Short, for the leader may leave before it sees this follower.
            follow(0.1 if left is None else min(0.1, left))
        finally:
            self._followers -= 1

    def _lead(self, done: Callable[[], bool], deadline: float | None) -> bool:
        ready: Sequence[int] = ()
        while True:
            with self.lock:
                more = self._take_turn(ready)
            if done():
                return True
            if more:
                continue
            if deadline is not None and monotonic() >= deadline:
                return False
            ready = self._sleep(self._waiting_poll, deadline)

    def _sleep(self, poll: select.poll, deadline: float | None) -> Sequence[int]:
        """Wait for input, for a nudge, or for the time; return what has input."""
        self._asleep = True
        try:
            if self._has_output():
                return ()
            timer = self._next_timer()
            timeout = None
            if timer is not None or deadline is not None:
                ends = [end for end in (timer, deadline) if end is not None]
                timeout = max(0.0, (min(ends) - monotonic()) * 1000) + 0.5
            ready = [descriptor for descriptor, _ in poll.poll(timeout)]
        finally:
            self._asleep = False
        if self._wakeup[0] in ready:
            with contextlib.suppress(OSError):
                os.read(self._wakeup[0], 512)
        return ready

    def _run(self) -> None:
        ready: Sequence[int] | None = None
        while True:
            self._out = True  # before it looks, so that what comes then wakes it
            if self._keeps_out():
                self._parked.wait(PARKED)
                self._parked.clear()
                if self._closed:
                    return
                ready = None
                continue
            self._out = False
            with self.lock:
                if self._closed:
                    return
                self._take_turns(ready)
            ready = self._sleep(self._background_poll, None)

    def _keeps_out(self) -> bool:
        if self._leader is not None:
            return True
        return monotonic() - self._led < GRACE and not self._has_output()

    def _take_turns(self, ready: Sequence[int] | None) -> None:
        while self._take_turn(ready):
            pass

    def _take_turn(self, ready: Sequence[int] | None) -> bool:
        before, self._turning = self._turning, True
        try:
            return self._turn(ready)
        finally:
            self._turning = before
