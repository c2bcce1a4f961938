"""How what a launcher started has ended, for those who wait or are to be told.

These are the names by which programs of ipyparallel know it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ...errors import LauncherError, TimeoutError
from .job import ENDED, RUNNING, SUBMITTED, Job
from .program import Program

__all__ = ["Followed"]

log = logging.getLogger("parallel.cluster")

#: What is done to a launcher, or asked of it, by one thread at a time.
TURNS = ("start", "jobs", "stop", "signal")
#: Seconds between two looks: at first, and at last.
FIRST_LOOK, LAST_LOOK, GROWTH = 0.05, 2.0, 1.5

F = TypeVar("F", bound=Callable[..., Any])


class Followed:
    """Tells whether what was started runs, and how it has ended.

    Any number of threads may ask: the methods of a launcher take turns.
    """

    #: What was started, and how much of it.
    program: Program
    n: int | None
    #: The process, where it is one of this host.
    pid: int | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in TURNS:
            if name in vars(cls):
                if inspect.iscoroutinefunction(vars(cls)[name]):
                    raise TypeError(
                        f"{cls.__name__}.{name} is a coroutine, and a launcher's "
                        f"methods are functions that return when it is done: `def "
                        f"{name}`, and in it asyncio.run(…) of what has to be awaited"
                    )
                setattr(cls, name, _in_turn(vars(cls)[name]))

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._turn = threading.RLock()
        self._news = threading.Event()
        self._callbacks: list[Callable[[dict[str, Any]], object]] = []

    def jobs(self) -> list[Job]:
        """Return where each piece stands, asking the system anew."""
        raise NotImplementedError

    @property
    def state(self) -> str:
        """Where it stands: `before`, `running` or `after`."""
        jobs = self.jobs()
        if not jobs:
            return "before"
        return "after" if all(job.state == ENDED for job in jobs) else "running"

    @property
    def running(self) -> bool:
        """Whether any of it runs, or is yet to."""
        return any(job.state in (SUBMITTED, RUNNING) for job in self.jobs())

    @property
    def identifier(self) -> str:
        """What it is called, for people."""
        program = self.program
        parts = [f"ip{program.role}", program.cluster_id, program.set_id]
        return "-".join(filter(None, parts))

    @property
    def start_data(self) -> dict[str, Any] | None:
        """What was started; None before it is."""
        started = {"pid": self.pid, "identifier": self.identifier}
        return started if self.jobs() else None

    @property
    def stop_data(self) -> dict[str, Any] | None:
        """How all of it ended; None before it has.

        Of engines, `engines` has it piece by piece, and `exit_code` is the first that
        is not 0. It is None where nobody knows.
        """
        jobs = self.jobs()
        if not jobs or any(job.state != ENDED for job in jobs):
            return None
        pieces = {
            job.name: {
                "exit_code": job.exit_code,
                "identifier": job.name,
                "reason": job.reason,
            }
            for job in jobs
        }
        codes = [job.exit_code for job in jobs]
        told = {
            "exit_code": next((code for code in codes if code != 0), 0),
            "pid": self.pid,
            "identifier": self.identifier,
        }
        return told if self.n is None else {**told, "engines": pieces}

    def poll(self) -> int | None:
        """Return the exit status; None while it runs, or where nobody knows it."""
        ended = self.stop_data
        return None if ended is None else ended["exit_code"]

    async def join(self, timeout: float | None = None) -> None:
        """Wait until all of it has ended: see `join_sync`."""
        import asyncio

        for pause in self._pauses(timeout):
            if await asyncio.to_thread(self._has_ended):
                return
            await asyncio.sleep(pause)

    def join_sync(self, timeout: float | None = None) -> None:
        """Wait until all of it has ended.

        Raises
        ------
        TimeoutError
            It had not after so many seconds.
        """
        for pause in self._pauses(timeout):
            if self._has_ended():
                return
            time.sleep(pause)

    def on_stop(self, callback: Callable[[dict[str, Any]], object]) -> None:
        """Have a function called with `stop_data` once all of it has ended.

        That is at once if it has, and otherwise in a thread of its own.
        """
        ended = self.stop_data
        if ended is not None:
            callback(ended)
            return
        with self._turn:
            self._callbacks.append(callback)
            if len(self._callbacks) == 1:
                name = f"parallel-{self.identifier}"
                threading.Thread(target=self._follow, name=name, daemon=True).start()

    def _has_ended(self) -> bool:
        return not self.running

    def _pauses(self, timeout: float | None) -> Iterator[float]:
        """Yield how long to wait before each look, until it has been too long."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_LOOK
        while True:
            left = pause if deadline is None else deadline - time.monotonic()
            yield max(0.0, min(pause, left))
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"{self.identifier} runs after {timeout:g} s")
            pause = min(pause * GROWTH, LAST_LOOK)

    def _follow(self) -> None:
        ended, pause = None, FIRST_LOOK
        while ended is None:
            self._news.wait(pause)
            self._news.clear()
            pause = min(pause * GROWTH, LAST_LOOK)
            try:
                ended = self.stop_data
            except LauncherError as error:  # its system may answer again
                log.debug("%s cannot be followed: %s", self.identifier, error)
        with self._turn:
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback(ended)
            except Exception:
                log.exception("%r, which is to be told of an end, fails", callback)


def _in_turn(method: F) -> F:
    """Return a method that waits until no other thread is in one of these."""

    @functools.wraps(method)
    def take_turn(self: Followed, *arguments: Any, **options: Any) -> Any:
        try:
            with self._turn:
                return method(self, *arguments, **options)
        finally:
            if method.__name__ == "stop":
                self._news.set()

    return take_turn  # type: ignore[return-value]
