"""The kinds of work in the load, each with what is expected to become of it."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from parallel import (
    AsyncResult,
    Client,
    EngineError,
    ImpossibleDependency,
    TaskAborted,
    TaskTimeout,
)
from parallel.client.hubresults import NotRecorded
from tests.chaos import calls

__all__ = ["KINDS", "Job", "Source"]

#: An outcome is a value, or what was raised.
Judge: TypeAlias = Callable[[Any], bool]


@dataclass(eq=False)
class Job:
    """One piece of work that is under way."""

    kind: str
    key: str
    result: Future[Any]
    expected: Judge
    #: Errors that it may end with, too.
    allowed: tuple[type[BaseException], ...] = ()
    #: It must not be started twice, whatever dies.
    once: bool = False
    #: Seconds (monotonic).
    submitted: float = 0.0
    ended: float = 0.0
    #: Errors that it may end with if the record may lack something.
    unless_recorded: tuple[type[BaseException], ...] = ()

    def note_end(self, _: Future[Any]) -> None:
        """Note when it ended, which may be long before it is judged."""
        self.ended = time.monotonic()


@dataclass
class Source:
    """Where jobs come from: a client, chance, and what was submitted before.

    Parameters
    ----------
    file
        Where each start of a task is noted.
    name
        What the keys of its jobs begin with.
    """

    client: Client
    random: Random
    file: str
    name: str
    count: int = 0
    #: Jobs that others may depend on.
    recent: list[Job] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view = self.client.load_balanced_view(engine_retries=calls.DEATHS)

    @property
    def is_recorded(self) -> bool:
        """Tell whether the record has all: no controller was killed, no disk is full.

        A killed one has not written what came last.
        """
        connection: Any = self.client._connection
        full_disk = Path(self.file).with_name("disk").exists()
        return bool(connection._work.epoch <= 1 and not full_disk)

    def next_job(self) -> Job | None:
        """Submit something; None if there is no engine that it could be meant for."""
        self.count += 1
        (make,) = self.random.choices(list(KINDS), list(KINDS.values()))
        job = make(self, f"{self.name}{self.count}")
        if job is not None and job.kind in ("short", "long"):
            self.recent = [*self.recent[-20:], job]
        return job


def is_value(value: Any) -> Judge:
    """Return what tells whether an outcome is this value."""
    return lambda outcome: type(outcome) is type(value) and bool(outcome == value)


def short(source: Source, key: str) -> Job:
    """Submit a task that takes no time."""
    number = source.random.randrange(1000)
    ar = source.view.apply_async(calls.triple, source.file, key, number)
    return Job("short", key, ar, is_value(3 * number))


def long(source: Source, key: str) -> Job:
    """Submit a task that takes a while."""
    nap = source.random.choice([0.01, 0.05, 0.2, 1.0])
    ar = source.view.apply_async(calls.triple, source.file, key, 1, nap)
    return Job("long", key, ar, is_value(3))


def once(source: Source, key: str) -> Job:
    """Submit a task that must not be started twice, also not when its engine dies."""
    with source.view.temp_flags(engine_retries=0):
        ar = source.view.apply_async(calls.triple, source.file, key, 1, 0.05)
    return Job("once", key, ar, is_value(3), (EngineError,), once=True)


def big(source: Source, key: str) -> Job:
    """Submit a task with a large result."""
    nbytes = source.random.choice([20_000, 1_000_000, 5_000_000])
    ar = source.view.apply_async(calls.blob, source.file, key, nbytes)
    return Job("big", key, ar, is_value(calls.content(key, nbytes)))


def large_argument(source: Source, key: str) -> Job:
    """Submit a task with a large argument."""
    data = calls.content(key, source.random.choice([20_000, 3_000_000]))
    ar = source.view.apply_async(calls.measure, source.file, key, data)
    return Job("argument", key, ar, is_value(zlib.crc32(data)))


def after(source: Source, key: str) -> Job:
    """Submit a task that waits for others."""
    others = source.random.sample(source.recent, min(3, len(source.recent)))
    with source.view.temp_flags(after=[job.result for job in others] or None):
        ar = source.view.apply_async(calls.triple, source.file, key, 2)
    return Job("after", key, ar, is_value(6))


def follow(source: Source, key: str) -> Job:
    """Submit a task that goes where another one has ended, if that engine lives."""
    others = source.recent[-1:]
    with source.view.temp_flags(follow=[job.result for job in others] or None):
        ar = source.view.apply_async(calls.process, source.file, key)
    is_pid = lambda outcome: isinstance(outcome, int)  # noqa: E731
    return Job("follow", key, ar, is_pid, (ImpossibleDependency,))


def tree(source: Source, key: str) -> Job:
    """Submit a task of tasks."""
    depth, width = source.random.choice([(1, 2), (2, 2), (3, 2), (4, 1), (1, 8)])
    ar = source.view.apply_async(calls.tree, source.file, key, depth, width)
    return Job("tree", key, ar, is_value(width**depth))


def raising(source: Source, key: str) -> Job:
    """Submit a task that raises."""
    ar = source.view.apply_async(calls.fail, source.file, key)
    said = lambda error: isinstance(error, ValueError) and key in str(error)  # noqa: E731
    return Job("raising", key, ar, said)


def cancelled(source: Source, key: str) -> Job:
    """Submit a task and give it up."""
    nap = source.random.choice([0, 600])
    ar = source.view.apply_async(calls.triple, source.file, key, 1, nap)
    ar.cancel()
    return Job("cancelled", key, ar, is_value(3), (CancelledError, TaskAborted))


def limited(source: Source, key: str) -> Job:
    """Submit a task that takes longer than it may."""
    with source.view.temp_flags(time_limit=source.random.choice([0.05, 0.3])):
        ar = source.view.apply_async(calls.triple, source.file, key, 1, 60)
    late = lambda outcome: isinstance(outcome, TaskTimeout)  # noqa: E731
    return Job("limited", key, ar, late)


def found(source: Source, key: str) -> Job | None:
    """Ask for the result of an earlier task: the record has it, if it has ended."""
    if not source.recent:
        return None
    job = source.random.choice(source.recent)
    assert isinstance(job.result, AsyncResult)
    ar = source.client.get_result(job.result.msg_ids[0])
    asked = Job("found", key, ar, job.expected)
    asked.unless_recorded = (NotRecorded, KeyError)
    return asked


def mapped(source: Source, key: str) -> Job:
    """Submit a map, in chunks of whatever size."""
    n = source.random.choice([10, 200, 2000])
    files, keys = [source.file] * n, [key] * n
    ar = source.view.map_async(calls.triple_one, files, keys, range(n))
    return Job("map", key, ar, is_value([3 * i for i in range(n)]))


def direct(source: Source, key: str) -> Job | None:
    """Call an engine of choice: its answer, or how it died."""
    if not (ids := source.client.ids):
        return None
    view = source.client[source.random.choice(ids)]
    ar = view.apply_async(calls.triple, source.file, key, 5, 0.01)
    return Job("direct", key, ar, is_value(15), (EngineError,), once=True)


def execute(source: Source, key: str) -> Job | None:
    """Execute code on an engine, and pull what it has set."""
    if not (ids := source.client.ids):
        return None
    view = source.client[source.random.choice(ids)]
    view.execute(f"chaos_of_{source.name} = {key!r}", block=False)
    ar = view.pull(f"chaos_of_{source.name}", block=False)
    return Job("execute", key, ar, is_value(key), (EngineError,))


def push(source: Source, key: str) -> Job | None:
    """Push to an engine, and pull it back."""
    if not (ids := source.client.ids):
        return None
    view = source.client[source.random.choice(ids)]
    data = calls.content(key, source.random.choice([10, 500_000]))
    name = f"chaos_data_{source.name}"
    view.push({name: data}, block=False)
    ar = view.pull(name, block=False)
    return Job("push", key, ar, is_value(data), (EngineError,))


def imap(source: Source, key: str) -> Job:
    """Read a map as its elements come, of a generator."""
    n = source.random.choice([5, 50])

    def numbers() -> Iterator[int]:
        yield from range(n)

    files, keys = [source.file] * n, [key] * n
    found = source.view.imap(calls.triple_one, files, keys, numbers())
    read: Future[list[int]] = Future()

    def read_all() -> None:
        try:
            read.set_result(list(found))
        except BaseException as error:
            read.set_exception(error)

    threading.Thread(target=read_all, daemon=True).start()
    return Job("imap", key, read, is_value([3 * i for i in range(n)]))


#: How often each kind comes, among all.
KINDS: dict[Callable[[Source, str], Job | None], float] = {
    short: 12,
    long: 5,
    once: 2,
    big: 2,
    large_argument: 2,
    after: 4,
    follow: 2,
    tree: 3,
    raising: 1,
    cancelled: 1,
    limited: 0.5,
    found: 2,
    mapped: 2,
    imap: 1,
    direct: 4,
    execute: 2,
    push: 1,
}
