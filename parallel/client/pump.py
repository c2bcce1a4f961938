"""Who reads the sockets: the thread that waits, or one in the background.

A thread that waits for a result reads the sockets itself: no hand-over between
threads stands on the way of a round trip (each costs 50 µs and more). While
nobody waits, a background thread reads, so that callbacks and futures work.

The sockets are touched under one lock; waiting for input is done outside it. Any
thread that has something to send may take a turn, and then reads what others wait
for: so whoever waits first says that it sleeps, then looks whether it need not, and
whoever read wakes it.
"""

from __future__ import annotations

import contextlib
import select
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

from ..transport import nesting
from ..transport.durations import milliseconds
from .interrupts import INTERRUPTS
from .sleeper import Sleeper

__all__ = ["Pump"]

#: The background thread keeps out for so long after a waiting thread, seconds:
#: who waited once will soon wait again.
GRACE = 0.01
#: While it keeps out, it looks this often whether it is wanted, seconds.
PARKED = 0.05
#: A task that waits for longer than this, seconds, lets its engine run others.
NEST_AFTER = 0.001
#: Such a task looks for work this often while another thread reads, seconds.
NEST_LOOK = 0.01
#: Its engine's line, which may break meanwhile, is looked after this often, seconds.
NEST_TEND = 0.5


class Pump:
    """Drives one connection's input and output.

    Parameters
    ----------
    turn
        Sends all there is, and reads some; called under the lock with the descriptors
        that have input, or None when any may. Tells whether there is more to read, of
        which the descriptors may not tell: it is to be called again before waiting.
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
        #: Told what a turn has raised: that is not for who happens to wait, and would
        #: end the background thread. By default it is raised.
        self.on_failure: Callable[[Exception], object] = _raise
        self._has_output = has_output
        self._next_timer = next_timer
        self.lock = threading.RLock()
        self._descriptors = descriptors
        self._watching = Sleeper(descriptors)
        self._leading = Sleeper(descriptors)
        #: Innermost last: who is to be woken to send.
        self._sleepers = [self._watching, self._leading]
        #: The thread that takes a turn, and runs callbacks in it.
        self._turning: int | None = None
        self._leader: int | None = None
        self._followers = 0
        self._led = 0.0
        self._parked = threading.Event()
        #: The background thread keeps out, or is about to.
        self._out = False
        self._closed = False
        self._lead_lock = threading.Lock()
        #: Threads that read only because they have something to send.
        self._submitters: set[int] = set()
        #: Who led left while there was more to read, of which no descriptor tells.
        self._unread = False
        #: What the background thread is to call.
        self._deferred: deque[Callable[[], object]] = deque()
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
        for sleeper in list(self._sleepers):
            sleeper.wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2)
        self._call_deferred()
        with self.lock:
            self._watching.close()
            self._leading.close()

    def abandon(self) -> None:
        """Forget the threads, which a fork leaves behind, and what they held."""
        self._closed = True
        self.lock = threading.RLock()
        self._lead_lock = threading.Lock()
        self._leader = None
        self._deferred.clear()

    # Sending

    def nudge(self, *, now: bool) -> None:
        """See that output is sent: now, if nobody is at it, or soon."""
        with INTERRUPTS:
            if now and self.lock.acquire(blocking=False):
                try:
                    # A turn under way, of which this is part, will see to it.
                    if self._turning is None and not self._closed:
                        with self.submitting():
                            self._take_turns(None)
                        if self._next_timer() is not None:
                            self._watching.wake()  # to look at the time
                finally:
                    self.lock.release()
            else:
                self._wake()

    @contextlib.contextmanager
    def submitting(self) -> Iterator[None]:
        """Read, for the length of a block, only because there is something to send.

        The user does not wait for results then, and may hold a lock that a callback
        wants. So callbacks are for the background thread.
        """
        ident = threading.get_ident()
        self._submitters.add(ident)
        try:
            yield
        finally:
            self._submitters.discard(ident)

    def defers(self, call: Callable[[], object]) -> bool:
        """Have users' callbacks called soon, if not now; tell which."""
        if threading.get_ident() not in self._submitters:
            return False
        self._deferred.append(call)
        self._parked.set()
        self._watching.wake()
        return True

    def _call_deferred(self) -> None:
        while self._deferred:
            self._deferred.popleft()()

    def look(self) -> None:
        """Take in what has come, unless another thread is at it."""
        self.nudge(now=True)

    def attend(self) -> None:
        """Let the background thread take over at once: somebody counts on it."""
        self._led = 0.0
        self._parked.set()

    def _wake(self) -> None:
        for sleeper in reversed(self._sleepers):
            if sleeper.wake():
                return
        if self._out and self._leader is None:
            self._out = False
            self._parked.set()

    def reads(self) -> bool:
        """Tell whether the calling thread is the one that reads, in a callback."""
        return self._turning == threading.get_ident()

    def is_read_elsewhere(self) -> bool:
        """Tell whether another thread is at what it has read."""
        return self._turning not in (None, threading.get_ident())

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
        with INTERRUPTS:
            if self.reads():
                return self._lead_within(done, deadline)
            nest = nesting.current
            if nest is None or not nest.applies():
                return self._wait(done, follow, deadline)
            soon = monotonic() + NEST_AFTER
            if deadline is not None and deadline <= soon:
                return self._wait(done, follow, deadline)
            if self._wait(done, follow, soon):
                return True
        return self._wait_nested(nest, done, follow, deadline)

    def _wait_nested(
        self,
        nest: nesting.Nest,
        done: Callable[[], bool],
        follow: Callable[[float | None], object],
        deadline: float | None,
    ) -> bool:
        """Wait in an engine's task; the engine runs others on top of it meanwhile."""
        also = nest.descriptor
        try:
            nest.suspend()
            while True:
                soon = monotonic() + NEST_TEND
                end = soon if deadline is None else min(deadline, soon)
                with INTERRUPTS:
                    self._wait(lambda: done() or nest.ready(), follow, end, also)
                # What is done goes on at once: the engine's work has time.
                if done():
                    return True
                if deadline is not None and monotonic() >= deadline:
                    return False
                if nest.ready():
                    nest.work()
        finally:
            nest.resume()

    def wait_apart(
        self,
        done: Callable[[], bool],
        follow: Callable[[float | None], object],
        deadline: float,
    ) -> bool:
        """Do as `wait` does; a task's engine runs no others on top of it meanwhile.

        That is for what comes soon or never: what runs on top may take an hour, and
        nobody would look.
        """
        with INTERRUPTS:
            return self._wait(done, follow, deadline)

    def _wait(
        self,
        done: Callable[[], bool],
        follow: Callable[[float | None], object],
        deadline: float | None,
        also: int | None = None,
    ) -> bool:
        """Do as `wait` does; `also` is a further descriptor that wakes."""
        while not done():
            INTERRUPTS.check(bool)
            if not self._lead_lock.acquire(blocking=False):
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    return done()
                self._wake()
                if also is not None:
                    left = NEST_LOOK if left is None else min(NEST_LOOK, left)
                self._follow(follow, left)
                continue
            try:
                self._leader = threading.get_ident()
                if also is not None:
                    self._leading.poll.register(also, select.POLLIN)
                return self._lead(done, deadline, self._leading)
            finally:
                if also is not None:
                    self._leading.poll.unregister(also)
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

    def _lead_within(self, done: Callable[[], bool], deadline: float | None) -> bool:
        """Wait in a callback, and so in a turn: nobody else can read meanwhile."""
        sleeper = Sleeper(self._descriptors)
        self._sleepers.append(sleeper)
        try:
            return self._lead(done, deadline, sleeper)
        finally:
            self._sleepers.remove(sleeper)
            sleeper.close()

    def _lead(
        self, done: Callable[[], bool], deadline: float | None, sleeper: Sleeper
    ) -> bool:
        ready: Sequence[int] = ()
        more = False
        try:
            while True:
                if not self.lock.acquire(blocking=False):
                    # Another thread's callback may want what this one holds.
                    left = -1.0
                    if deadline is not None:
                        left = min(
                            max(0.0, deadline - monotonic()), threading.TIMEOUT_MAX
                        )
                    if not self.lock.acquire(timeout=left):
                        return done()
                try:
                    more = self._take_turn(ready)
                finally:
                    self.lock.release()
                sleeper.asleep = True
                if done():
                    return True
                INTERRUPTS.check(sleeper.wake)
                if more:
                    continue
                if deadline is not None and monotonic() >= deadline:
                    return False
                ready = self._sleep(sleeper, deadline)
        finally:
            sleeper.asleep = False
            if more:
                self._unread = True  # before it looks whether that thread sleeps
                self._watching.wake()

    def _sleep(self, sleeper: Sleeper, deadline: float | None) -> Sequence[int]:
        """Wait for input, for a nudge, or for the time; return what has input."""
        if self._has_output():
            return ()
        timer = self._next_timer()
        timeout = None
        if timer is not None or deadline is not None:
            ends = [end for end in (timer, deadline) if end is not None]
            timeout = milliseconds(min(ends) - monotonic())
        return sleeper.sleep(timeout)

    def _run(self) -> None:
        ready: Sequence[int] | None = None
        while True:
            self._call_deferred()
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
                self._unread = False
                self._take_turns(ready)
            ready = self._watch()

    def _watch(self) -> Sequence[int]:
        self._watching.asleep = True
        idle = not (self._closed or self._deferred or self._unread)
        ready = self._sleep(self._watching, None) if idle else ()
        self._watching.asleep = False
        return ready

    def _keeps_out(self) -> bool:
        if self._leader is not None:
            return True
        return monotonic() - self._led < GRACE and not self._has_output()

    def _take_turns(self, ready: Sequence[int] | None) -> None:
        while self._take_turn(ready):
            pass
        if self._leader is not None:
            self._leading.wake()  # what it waits for may have come

    def _take_turn(self, ready: Sequence[int] | None) -> bool:
        before, self._turning = self._turning, threading.get_ident()
        try:
            return self._turn(ready)
        except Exception as error:
            self.on_failure(error)
            return False
        finally:
            self._turning = before


def _raise(error: Exception) -> None:
    raise error
