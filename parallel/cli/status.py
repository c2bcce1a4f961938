"""`ipcluster status`: how the engines of clusters fare, set by set and job by job."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
from traitlets import Enum, Float

from ..cluster.cluster import Cluster
from ..cluster.enginestatus import REGISTERED, EngineStatus, last_of
from ..cluster.lastrun import last_runs
from ..cluster.launches import is_there
from ..cluster.manager import records_there
from ..cluster.records import ClusterRecord, read_record
from ..cluster.status import (
    BY_HAND,
    ClusterStatus,
    SetStatus,
    status_by_hand,
    status_of,
)
from ..transport.locations import cluster_file
from .app import BaseApp
from .listing import table
from .running import say_what_runs
from .signals import Signals
from .stop import NO_SUCH_CLUSTER

__all__ = ["IPClusterStatus"]

HEADER = (
    "SET", "LAUNCHER", "ASKED", "SUBMITTED", "RUNNING", "REGISTERED", "FAILED"
)  # fmt: skip
JOBS = ("JOB", "SET", "ENGINES", "STATE", "REASON", "LAST LINE")
ENGINES = ("ENGINE", "SET", "STATE", "TASKS", "HOST", "PID", "LAST LINE")
DEAD = ("DEAD", "HOW", "LAST LINE")


class IPClusterStatus(BaseApp):
    """The command `ipcluster status`."""

    name = "ipcluster status"
    config_name = "ipcluster"
    needs_config = False
    takes_words = True
    description = (
        "Tell how many engines of each set were asked for, wait in a queue, run, are "
        "registered and have failed; where each job and each engine stands, with the "
        "last line of its log; and which engines died, and how.\n\n"
        "The words are cluster ids; without any, it is all clusters of the profile."
    )
    examples = """
ipcluster status
ipcluster status tests --profile=simulations -o json
"""
    output = Enum(
        ["text", "json"], "text", help="Tables to read, or JSON for programs."
    ).tag(config=True)
    timeout = Float(
        5.0, min=0.1, help="Seconds to wait for a controller's answer."
    ).tag(config=True)

    aliases = {
        "o": "IPClusterStatus.output",
        "output": "IPClusterStatus.output",
        "timeout": "IPClusterStatus.timeout",
    } | BaseApp.aliases

    def run(self, signals: Signals) -> int:
        """Print how the clusters fare that are meant."""
        found = self._found()
        if self.output == "json":
            print(json.dumps(msgspec.to_builtins(found), indent=2))
        else:
            print("\n\n".join("\n".join(_lines(status)) for status in found), end="")
            print("\n" * bool(found), end="")
        return 0 if found and len(found) >= len(self.extra_args) else NO_SUCH_CLUSTER

    def _found(self) -> list[ClusterStatus]:
        """Return how those fare that run, and say which do not."""
        if self.extra_args or self.cluster_id:
            meant = self.extra_args or [self.cluster_id]
            return [each for cluster_id in meant for each in self._status(cluster_id)]
        records = records_there(self.folder)
        known = {record.cluster_id for record in records}
        by_hand = [x for x in last_runs(self.folder) if x.cluster_id not in known]
        if not records and not by_hand:
            self.log.critical(
                "no cluster of profile %r is running; %s",
                self.profile_name,
                say_what_runs(self.ipython_dir),
            )
        return [self._status_of(record) for record in records] + [
            status_by_hand(last, self.timeout) for last in by_hand
        ]

    def _status(self, cluster_id: str) -> list[ClusterStatus]:
        """Return how the cluster of an id fares, if there is one."""
        path = cluster_file(self.folder, cluster_id)
        record = read_record(path, strict=True)
        if record is not None and is_there(record):
            return [self._status_of(record)]
        if by_hand := last_runs(self.folder, [cluster_id]):
            return [status_by_hand(last, self.timeout) for last in by_hand]
        self.log.critical(
            "no cluster %r of profile %r is running: there is no %s; %s",
            cluster_id,
            self.profile_name,
            path,
            say_what_runs(self.ipython_dir),
        )
        return []

    def _status_of(self, record: ClusterRecord) -> ClusterStatus:
        return status_of(Cluster.from_record(record, load_profile=False), self.timeout)


def _lines(status: ClusterStatus) -> Iterator[str]:
    """Yield what is to be read of a cluster."""
    where = ", ".join(status.urls) or "nowhere yet"
    answers = "answers" if status.answers else "does not answer"
    who = f"{status.launcher or 'no'} controller"
    if status.launcher == BY_HAND:
        who = f"{BY_HAND} (pid {status.controller[0].name})"
    yield f"cluster {status.cluster_id!r}: {who} at {where} {answers}"
    yield from table([HEADER, *map(_cells, status.sets)])
    jobs = [
        (job.name, each.set_id, str(job.n), "failed" if job.failed else job.state,
         *_said(job.reason, last_of(job.last_lines.splitlines())))
        for each in status.sets
        for job in each.jobs
    ]  # fmt: skip
    if jobs:
        yield ""
        yield from table([JOBS, *jobs])
    engines = [_engine(each.set_id, e) for each in status.sets for e in each.engines]
    if engines:
        yield ""
        yield from table([ENGINES, *engines])
    if status.departed:
        yield ""
        yield from table([DEAD, *map(_dead, status.departed.items())])
    if status.troubles:
        yield ""
        yield from status.troubles
    for each in status.sets:
        if each.trouble:
            yield f"set {each.set_id}: {each.trouble}"


def _engine(set_id: str, engine: EngineStatus) -> tuple[str, ...]:
    name = f"{engine.n} more" if engine.id is None else str(engine.id)
    tasks = str(engine.tasks) if engine.state == REGISTERED else ""
    pid = str(engine.pid or engine.job)
    return (
        name, set_id or "''", engine.state, tasks, engine.host, pid,
        *_said(engine.last_line or engine.reason),
    )  # fmt: skip


def _dead(departed: tuple[str, str]) -> tuple[str, ...]:
    engine_id, why = departed
    how, *lines = why.splitlines()
    return (engine_id, *_said(how, last_of(lines)))


def _said(*texts: str) -> tuple[str, ...]:
    """Return what there is to say in one line each."""
    return tuple(" ".join(text.split()) for text in texts)


def _cells(status: SetStatus) -> tuple[str, ...]:
    registered = "?" if status.registered is None else str(status.registered)
    asked = "-" if status.asked is None else str(status.asked)
    return (
        status.set_id or "''",
        status.launcher or "-",
        asked,
        str(status.submitted),
        str(status.running),
        registered,
        str(status.failed),
    )
