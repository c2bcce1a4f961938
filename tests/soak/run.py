"""One soak: a cluster is started, used as is planned, watched, and judged."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from parallel import Client, Cluster
from parallel.transport.locations import log_file
from tests.integration.processes import agent_of, controller_of, engines_of
from tests.soak.samples import Sampler
from tests.soak.trend import Trend, trend_of
from tests.soak.turnover import clients_in_turn, engines_in_turn
from tests.soak.work import Worker
from tests.waiting import wait_until

__all__ = ["Plan", "Soak", "soak"]

#: So many more of these there may be after the warm-up, if they are not given back.
ALLOWED = {"descriptors": 2.0, "threads": 1.0, "files": 2.0}
#: Seconds in which they are, once nobody does anything any more.
REST = 10.0
#: Two threads work, which begin at different kinds of work.
WORKERS = (0, 7)


@dataclass(frozen=True)
class Plan:
    """What is to be done: work, or clients or engines that come and go.

    Parameters
    ----------
    seconds
        How long there is work.
    clients, engines
        So many come and go instead.
    every
        Seconds between two looks at the processes.
    growth
        By so much each process may grow after the warm-up, MiB.
    """

    seconds: float = 60.0
    n: int = 4
    clients: int = 0
    engines: int = 0
    every: float = 1.0
    transport: str = "ipc"
    growth: float = 5.0

    @property
    def name(self) -> str:
        """What it is, in a word or two."""
        if self.clients or self.engines:
            what = "clients" if self.clients else "engines"
            return f"{self.clients or self.engines:,} {what} in turn"
        return f"{self.seconds / 60:g} min of work"


@dataclass
class Soak:
    """What was found."""

    plan: Plan
    seconds: float = 0.0
    rounds: int = 0
    tasks: dict[str, int] = field(default_factory=dict)
    #: By process, and by what it holds.
    trends: dict[str, dict[str, Trend]] = field(default_factory=dict)
    files: Trend | None = None
    disk: Trend | None = None
    complaints: list[str] = field(default_factory=list)


def soak(found: Soak, folder: Path) -> None:
    """Carry a plan out, and note what is found; all that is written is in a folder."""
    plan = found.plan
    with Cluster(n=plan.n, transport=plan.transport) as client, _told() as warnings:
        pids = _processes(client, with_engines=not plan.engines)
        _warm(client)
        sampler = Sampler(pids, folder, plan.every)
        sampler.start()
        begin = time.monotonic()
        if plan.clients:
            clients_in_turn(client, plan.clients)
        elif plan.engines:
            engines_in_turn(client, plan.engines)
        else:
            _work(client, plan.seconds, found)
        found.seconds = time.monotonic() - begin
        sampler.stop()
        found.complaints += [f"the {name} is gone" for name in sorted(sampler.gone)]
        if not plan.engines:  # else deaths are told, as they should be
            found.complaints += [f"a user was told: {each}" for each in warnings]
        found.complaints += _logged(client, deaths=bool(plan.engines))
        if _processes(client, with_engines=not plan.engines) != pids:
            found.complaints.append("not all processes are those that they were")
        _judge(sampler, found)


def _processes(client: Client, *, with_engines: bool) -> dict[str, int]:
    pids = {
        "client": os.getpid(),
        "controller": controller_of(client),
        "agent": agent_of(client),
    }
    if with_engines:
        pids.update((f"engine {i}", pid) for i, pid in enumerate(engines_of(client)))
    return pids


def _warm(client: Client) -> None:
    """Have everybody do something: engines that died untried are not replaced."""
    client[:].apply_sync(os.getpid)


def _work(client: Client, seconds: float, found: Soak) -> None:
    workers = [Worker(client, first) for first in WORKERS]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + seconds
    with suppress(KeyboardInterrupt):  # it is long enough: what was seen is judged
        while time.monotonic() < deadline and all(each.is_alive() for each in workers):
            time.sleep(min(0.2, seconds))
    for worker in workers:
        worker.stop()
        found.rounds += worker.rounds
        found.complaints += worker.complaints
        for kind, number in worker.done.items():
            found.tasks[kind] = found.tasks.get(kind, 0) + number


@contextmanager
def _told() -> Iterator[list[str]]:
    """Return the list of what users are told by warnings in the block."""
    told: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    ours, listener = logging.getLogger("parallel"), Listener(logging.WARNING)
    ours.addHandler(listener)
    try:
        yield told
    finally:
        ours.removeHandler(listener)


def _logged(client: Client, *, deaths: bool) -> list[str]:
    """Return what the controller has complained of; `deaths` are no complaints."""
    cluster = client.cluster
    assert cluster is not None
    file = log_file(Path(cluster.profile_dir), "ipcontroller", cluster.cluster_id)
    wrong = r" (ERROR|CRITICAL) " if deaths else r" (WARNING|ERROR|CRITICAL) "
    lines = [each for each in file.read_text().splitlines() if re.search(wrong, each)]
    return [f"the controller's log says: {line}" for line in lines[:20]]


def _judge(sampler: Sampler, found: Soak) -> None:
    found.files, found.disk = trend_of(sampler.files), trend_of(sampler.disk)
    found.trends = {
        name: {what: trend_of(curve) for what, curve in curves.items() if curve.times}
        for name, curves in sampler.curves.items()
    }
    for name, trends in found.trends.items():
        for what, trend in trends.items():
            allowed = ALLOWED.get(what, found.plan.growth)
            now = None
            if what in ALLOWED and name not in sampler.gone:
                now = partial(sampler.now, name, what)
            _judge_one(f"{what} of the {name}", allowed, trend, now, found)
    allowed = ALLOWED["files"]
    _judge_one("temporary files", allowed, found.files, sampler.files_now, found)


def _judge_one(
    what: str,
    allowed: float,
    trend: Trend,
    now: Callable[[], float] | None,
    found: Soak,
) -> None:
    """Complain of what has grown, and is not given back if `now` tells of it."""
    if trend.growth <= allowed:
        return
    if now is None or not given_back(now, trend.warm + allowed):
        found.complaints.append(
            f"{what}: {trend.warm:.1f} grew by {trend.growth:.1f} since the warm-up"
        )


def given_back(now: Callable[[], float], most: float, patience: float = REST) -> bool:
    """Return whether there are no more than so many, at least in a while.

    What comes and goes makes a line of few looks rise by chance: what is lost stays.
    """
    try:
        return wait_until(lambda: now() <= most, patience)
    except AssertionError:
        return False
