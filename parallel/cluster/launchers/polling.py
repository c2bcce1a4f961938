"""What batch systems say of jobs: asked once for all of them, and ever more seldom."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec.structs import replace

from ...errors import LauncherError
from .job import ENDED, SUBMITTED

__all__ = ["Key", "Poll", "Status", "number_of"]

#: A job: the number that its system gave it, and which of an array; 0 if it is in none.
Key = tuple[str, int]
#: Seconds from one question to the next: at first, and at last when nothing changes.
FIRST, LAST = 0.25, 30.0
GROWTH = 1.5
#: A system that is slow to answer is let alone for so many times what it took.
REST = 4.0
#: Seconds after which it is asked why a job still waits.
CURIOUS = 2.0
#: Nobody waits longer for an answer, seconds: until it comes, the last one is told.
PATIENCE = 2.0
#: Seconds after which a job that was submitted has to be known to its system.
GRACE = 15.0


class Status(msgspec.Struct, frozen=True):
    """Where a job stands."""

    state: str = SUBMITTED
    reason: str = ""
    exit_code: int | None = None


#: A job that waits for nobody knows what.
WAITS = Status()


class Poll:
    """Asks one batch system for all the jobs that this process has in it.

    Any number of threads may use it.

    Parameters
    ----------
    present
        Given the ids of jobs, returns what the system says of those that it knows.
    past
        The same, of those that it does not know any more.
    system
        What it is called, for people.
    waiting
        The same, why those wait of which the system does not say so by itself.
    clock
        Tells the time in seconds.
    patience
        Seconds that somebody waits for an answer.
    """

    def __init__(
        self,
        present: Callable[[list[str]], Mapping[Key, Status]],
        past: Callable[[list[str]], Mapping[Key, Status]],
        system: str,
        waiting: Callable[[list[str]], Mapping[str, str]] = lambda _: {},
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._present = present
        self._past = past
        self._waiting = waiting
        self._system = system
        self._clock = clock
        self._patience = patience
        #: Who asks has the first; the second is for what is known.
        self._asking = threading.Lock()
        self._lock = threading.Lock()
        self._jobs: dict[str, _Watched] = {}
        self._due = 0.0
        self._interval = FIRST
        self._trouble = ""
        #: Who asks for those that do not wait to the end, and since when.
        self._asker: threading.Thread | None = None
        self._since = 0.0

    def watch(self, job: str, *, is_new: bool = True) -> None:
        """Ask for a job from now on, and soon."""
        with self._lock:
            self._jobs.setdefault(job, _Watched(self._clock(), is_new))
            self._interval, self._due = FIRST, 0.0

    def forget(self, job: str) -> None:
        """Ask for a job no longer."""
        with self._lock:
            self._jobs.pop(job, None)

    def statuses(self, job: str, *, ending: bool = False) -> dict[int, Status]:
        """Return where a job stands that is watched; of an array, where each does.

        Parameters
        ----------
        job
            Its id.
        ending
            Its end was asked for: ask now, though it may not be time to, and believe
            at once that what has no name any more is gone.
        """
        if ending:
            self._ask(0.0)
        else:
            self._ask_for_a_while()
        with self._lock:
            found = dict(self._jobs[job].known) or {0: Status()}
            if trouble := self._say_trouble():
                for index, status in found.items():
                    if status.state != ENDED:
                        found[index] = replace(status, reason=trouble)
            return found

    def _ask_for_a_while(self) -> None:
        """Ask, if it is time to; return without an answer if that does not come."""
        with self._lock:
            if self._asker is None and self._clock() >= self._due:
                self._since = time.monotonic()
                self._asker = threading.Thread(
                    target=self._ask, name="parallel-poll", args=(GRACE,), daemon=True
                )
                self._asker.start()
            asker = self._asker
        if asker is not None:
            asker.join(max(0.0, self._since + self._patience - time.monotonic()))

    def _say_trouble(self) -> str:
        waited = 0.0 if self._asker is None else time.monotonic() - self._since
        if waited < self._patience:
            return self._trouble
        return (
            f"{self._system} has not answered for {waited:.0f} s: this is what was "
            "known before"
        )

    def _ask(self, grace: float) -> None:
        with self._asking:
            try:
                self._ask_now(grace)
            finally:
                with self._lock:
                    if self._asker is threading.current_thread():
                        self._asker = None

    def _ask_now(self, grace: float) -> None:
        now, trouble = self._clock(), ""
        with self._lock:
            asked = {name: job for name, job in self._jobs.items() if job.is_open}
            before = bool(self._trouble), [job.states for job in asked.values()]
        try:
            if asked:
                self._ask_for(asked, now, grace)
        except (LauncherError, LookupError, ValueError) as error:  # or senseless
            trouble = f"{self._system} cannot be asked: {error}"
        with self._lock:
            self._trouble = trouble
            same = before == (bool(trouble), [job.states for job in asked.values()])
            self._interval = min(self._interval * GROWTH, LAST) if same else FIRST
            after = self._clock()
            self._due = after + min(LAST, max(self._interval, REST * (after - now)))
            if not asked.keys() >= {x for x, job in self._jobs.items() if job.is_open}:
                self._interval, self._due = FIRST, 0.0  # there are others meanwhile

    def _ask_for(self, asked: dict[str, _Watched], now: float, grace: float) -> None:
        said = _by_job(self._present(list(asked)), asked)
        with self._lock:
            missed = [name for name, job in asked.items() if job.learn(said[name], now)]
            slow = [name for name, job in asked.items() if job.waits(now - CURIOUS)]
        reasons = self._waiting(slow) if slow else {}
        past = _by_job(self._past(missed), missed) if missed else {}
        with self._lock:
            for name in slow:
                asked[name].explain(reasons.get(number_of(name), ""))
            for name in missed:
                asked[name].learn({**said[name], **past[name]}, now)
                story = f"{self._system} has no record of its end"
                asked[name].give_up(now - grace, story)


class _Watched(msgspec.Struct):
    """What is known of a job, by the index in its array."""

    since: float
    #: Whether it was submitted then.
    is_new: bool
    known: dict[int, Status] = {}
    #: When those were missed first that are open, and that the system does not name.
    missed: dict[int, float] = {}

    @property
    def is_open(self) -> bool:
        return not self.known or any(s.state != ENDED for s in self.known.values())

    @property
    def states(self) -> dict[int, str]:
        return {index: status.state for index, status in self.known.items()}

    def waits(self, since: float) -> bool:
        """Tell whether anything of it waits since then, and nobody has said why."""
        is_old = self.since <= since or not self.is_new
        return is_old and WAITS in self.known.values()

    def explain(self, reason: str) -> None:
        """Take note of why it waits."""
        for index, status in self.known.items():
            if status == WAITS:
                self.known[index] = Status(reason=reason)

    def learn(self, said: Mapping[int, Status], now: float) -> bool:
        """Take in what is said; tell whether anything is missed in it."""
        self.known.update(said)
        wanted = {i: now for i, status in self.known.items() if status.state != ENDED}
        if not self.known:
            wanted = {0: self.since}
        self.missed = {
            index: self.missed.get(index, since)
            for index, since in wanted.items()
            if index not in said
        }
        return bool(self.missed)

    def give_up(self, before: float, reason: str) -> None:
        """Take for ended what has been missed for long."""
        for index in [i for i, since in self.missed.items() if since <= before]:
            self.known[index] = Status(ENDED, reason)
            del self.missed[index]


def number_of(job: str) -> str:
    """Return the number in a job's id, by which it is told of: 7 of ``7[].server``."""
    found = re.match(r"\d+", job)
    return found[0] if found else job


def _by_job(
    said: Mapping[Key, Status], jobs: Iterable[str]
) -> dict[str, dict[int, Status]]:
    numbers = {number_of(name): name for name in jobs}
    found: dict[str, dict[int, Status]] = {name: {} for name in numbers.values()}
    for (number, index), status in said.items():
        if number in numbers:
            found[numbers[number]][index] = status
    return found
