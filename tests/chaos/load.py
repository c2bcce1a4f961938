"""A mixed load: work is submitted without end, and each outcome judged as it comes."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from parallel import (
    Client,
    EngineError,
    NoEnginesRegistered,
    ParallelError,
    TransportError,
)
from tests.chaos.jobs import Job, Source
from tests.chaos.longest import Longest, longest_of

__all__ = ["Load", "Tally"]

#: So many jobs of one client are under way at most.
OPEN = 120
#: An outcome is shown up to so many characters.
SHOWN = 1500


@dataclass
class Tally:
    """What became of the jobs of one client."""

    ended: Counter[str] = field(default_factory=Counter)
    #: Those that ended with an error that they may end with, by its type's name.
    excused: Counter[str] = field(default_factory=Counter)
    #: What must not be, in words.
    complaints: list[str] = field(default_factory=list)
    #: Keys of tasks that must have been started once at most.
    once: list[str] = field(default_factory=list)
    longest: Longest = field(default_factory=Longest)

    def add(self, other: Tally) -> None:
        """Take another client's into account."""
        self.ended.update(other.ended)
        self.excused.update(other.excused)
        self.complaints += other.complaints
        self.once += other.once
        self.longest = max(self.longest, other.longest, key=lambda each: each.seconds)

    def as_json(self) -> str:
        """Return all of it, for another process."""
        return json.dumps({**vars(self), "longest": vars(self.longest)})

    @classmethod
    def from_json(cls, text: str) -> Tally:
        """Return what another process found."""
        found = json.loads(text)
        return cls(**{**found, "longest": Longest(**found["longest"])})


class Load(threading.Thread):
    """One client that submits until told to stop, and then waits for all of it.

    Parameters
    ----------
    patience
        Seconds that may pass since a job was submitted, and since any task was
        started: after that it hangs.
    """

    def __init__(
        self, client: Client, seed: str, file: str, name: str, patience: float
    ) -> None:
        super().__init__(name=f"load-{name}", daemon=True)
        self._random = Random(seed)
        self._source = Source(client, self._random, file, name)
        self._client = client
        self._patience = patience
        self._open: list[Job] = []
        self._over = threading.Event()
        self._explained = False
        self.tally = Tally()

    @property
    def under_way(self) -> int:
        """How many of its jobs have not been judged."""
        return len(self._open)

    def stop(self) -> None:
        """Have it submit no more."""
        self._over.set()

    def run(self) -> None:
        """Submit and judge, to the end."""
        try:
            while not self._over.is_set():
                self._submit_some()
                self._judge_those_that_ended()
                while len(self._open) > OPEN and not self._over.is_set():
                    self._judge(self._open.pop(0))
                self._over.wait(self._random.choice([0, 0.001, 0.02, 0.2]))
            while self._open:
                self._judge(self._open.pop(0))
        except TransportError as error:
            self._complain(f"{self.name} cannot go on: {error}")
        except Exception as error:
            self._complain(f"{self.name} cannot go on: {error!r}")

    def _submit_some(self) -> None:
        for _ in range(self._random.choice([1, 1, 5, 30])):
            before = time.monotonic()
            try:
                job = self._source.next_job()
            except (EngineError, NoEnginesRegistered, IndexError):  # it has just died
                continue
            if job is None:
                continue
            job.submitted = before
            Future.add_done_callback(job.result, job.note_end)
            self._open.append(job)
            if job.once:
                self.tally.once.append(job.key)

    def _judge_those_that_ended(self) -> None:
        ended = [job for job in self._open if job.result.done()]
        self._open = [job for job in self._open if job not in ended]
        for job in ended:
            self._judge(job)

    def _judge(self, job: Job) -> None:
        outcome: Any
        # Not the result's own `done`, which looks whether there is anything to read: if
        # nobody does that unasked, it hangs.
        while not Future.done(job.result) and (left := self._seconds_left(job)) > 0:
            concurrent.futures.wait([job.result], left)
        if not Future.done(job.result):
            self._complain(f"{job.kind} {job.key} hangs{self._explain()}")
            return
        try:
            outcome = job.result.result(0)
        except (CancelledError, Exception) as error:
            outcome = error
        seconds = round((job.ended or time.monotonic()) - job.submitted, 2)
        if seconds > self.tally.longest.seconds:
            self.tally.longest = longest_of(job, seconds)
        self.tally.ended[job.kind] += 1
        if job.expected(outcome):
            return
        recorded = self._source.is_recorded
        allowed = job.allowed + (() if recorded else job.unless_recorded)
        if isinstance(outcome, allowed):
            self.tally.excused[type(outcome).__name__] += 1
            return
        self._complain(f"{job.kind} {job.key} became {outcome!r:.{SHOWN}}")

    def _seconds_left(self, job: Job) -> float:
        """Return how much longer a job may take: it may be behind many others."""
        waited = time.monotonic() - job.submitted
        with contextlib.suppress(FileNotFoundError):
            waited = min(waited, time.time() - Path(self._source.file).stat().st_mtime)
        return self._patience - waited

    def _explain(self) -> str:
        """Say how everything stands, once."""
        if self._explained:
            return ""
        self._explained = True
        try:
            status = self._client.queue_status(verbose=True)
            return f":\n{self._client.explain()}\n{status}"
        except (ParallelError, TimeoutError) as error:
            return f": {error!r}"

    def _complain(self, words: str) -> None:
        self.tally.complaints.append(words)
