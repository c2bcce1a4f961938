"""One run: a cluster, somebody who works with it, and somebody who attacks it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from parallel import Client, Cluster
from parallel.protocol.connection import ConnectionInfo
from parallel.transport.endpoints import new_context
from tests.fakes.peers import info_of
from tests.integration.processes import controller_of, is_gone, resident

from .bait import Bait
from .company import Company
from .comparison import Comparison, compare
from .enemy import Enemy
from .rubbish import Rubbish

__all__ = ["Plan", "Report", "run"]

#: The client alone is watched for so long, and after the attack, seconds.
ALONE = 2.0
#: So many batches a second are compared with as many honest ones.
COMPARED = 1000.0
#: So many batches fill what is bounded by number: memory is compared from there on.
WARM = 0.2
#: Memory is looked at each time that so many have been sent.
LOOK_EVERY = 1000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done."""

    role: str
    transport: str
    count: int
    seed: int
    minutes: float | None = None
    #: So many batches a second at most; None for as many as can be sent.
    rate: float | None = None
    #: How many silent connections an outsider holds.
    held: int = 200
    #: The controller may grow by so much after it has warmed up, MiB: it remembers how
    #: tasks ended, in 20 MiB, and the functions of each enemy for a while.
    growth: float = 60.0
    #: Compare for so long with a peer that keeps to the rules, at first, minutes.
    compared: float = 0.0


class Report(msgspec.Struct):
    """What came of it; MiB are those of the controller, and of one engine."""

    plan: Plan
    sent: int = 0
    joined: int = 0
    seconds: float = 0.0
    alone: float = 0.0
    beside: float = 0.0
    after: float = 0.0
    before_mib: float = 0.0
    warm_mib: float = 0.0
    after_mib: float = 0.0
    highest_mib: float = 0.0
    engine_before_mib: float = 0.0
    engine_after_mib: float = 0.0
    comparison: Comparison | None = None
    wrong: list[str] = []

    def words(self) -> str:
        """Return it in words."""
        plan, times = self.plan, max(0, self.joined - 1)
        text = (
            f"{plan.role} over {plan.transport}, seed {plan.seed}: {self.sent:,} "
            f"batches in {self.seconds:.0f} s, thrown out {times:,} times\n"
            f"  a client beside it: {self.alone:.0f} calls/s alone, "
            f"{self.beside:.0f} meanwhile, {self.after:.0f} after\n"
            f"  the controller: {self.before_mib:.1f} MiB before, "
            f"{self.warm_mib:.1f} warm, {self.highest_mib:.1f} at most, "
            f"{self.after_mib:.1f} after; an engine: {self.engine_before_mib:.1f} MiB "
            f"before, {self.engine_after_mib:.1f} after"
        )
        compared = [self.comparison.words()] if self.comparison else []
        wrong = [f"  WRONG: {each}" for each in self.wrong]
        return "\n".join([text, *compared, *wrong])


def run(plan: Plan) -> Report:
    """Attack a cluster that is made for it, and return what came of it."""
    report = Report(plan, wrong=[])
    with Cluster(n=2, transport=plan.transport) as client:
        controller = controller_of(client)
        engines = client[:].apply_sync(_pid)
        company = Company(client)
        try:
            report.alone = company.rate(ALONE)
            report.before_mib = resident(controller)
            report.engine_before_mib = resident(engines[0])
            _attack(plan, client, report, controller, company)
            report.after = company.rate(ALONE)
            report.after_mib = resident(controller)
            report.engine_after_mib = resident(engines[0])
        finally:
            report.wrong += company.stop()
        if is_gone(controller):
            report.wrong.append("the controller is gone")
        if client[client.ids[:2]].apply_sync(_pid) != engines:
            report.wrong.append("an engine is not who it was")
        grown = report.after_mib - (report.warm_mib or report.before_mib)
        if grown > plan.growth:
            report.wrong.append(f"the controller has grown by {grown:.1f} MiB")
    return report


def _attack(
    plan: Plan, client: Client, report: Report, controller: int, company: Company
) -> None:
    with _attackers(plan, client, report) as attackers:
        if plan.compared:
            rate = plan.rate or COMPARED
            # Bait is work, which a polite neighbour would not bring along.
            neighbours = [each for each in attackers if not isinstance(each, Bait)]
            report.comparison = compare(neighbours, company, rate, plan.compared)
        begin, done = time.monotonic(), company.count
        end = None if plan.minutes is None else begin + 60 * plan.minutes
        looks = 0
        while report.sent < plan.count and (end is None or time.monotonic() < end):
            for each in attackers:
                report.sent += each.attack()
            if report.sent // LOOK_EVERY > looks:
                looks = report.sent // LOOK_EVERY
                report.highest_mib = max(report.highest_mib, resident(controller))
            if not report.warm_mib and report.sent > WARM * plan.count:
                report.warm_mib = resident(controller)
            if company.stopped:
                return
            if plan.rate is not None:
                early = begin + report.sent / plan.rate - time.monotonic()
                time.sleep(max(0.0, early))
        report.seconds = time.monotonic() - begin
        report.beside = (company.count - done) / report.seconds


@contextmanager
def _attackers(plan: Plan, client: Client, report: Report) -> Iterator[list[Any]]:
    random = Random(plan.seed)
    context = new_context(encrypted=plan.transport == "tcp")
    attackers: list[Any] = []
    info = _known_to(plan, client)
    enemy = Enemy(context, plan.role, info, random)
    try:
        if plan.role == "outside":
            attackers.append(Rubbish(info.urls[0], random, plan.held))
        if plan.role == "engine":
            attackers.append(Bait(context, info_of(client, "client"), enemy))
        if plan.role != "outside" or plan.transport == "ipc":
            enemy.join()
            attackers.append(enemy)
        yield attackers
    finally:
        report.joined = enemy.joined
        for each in attackers:
            report.wrong += each.leave() or ()
        context.destroy(0)


def _known_to(plan: Plan, client: Client) -> ConnectionInfo:
    """Return what an attacker knows of the cluster."""
    if plan.role != "outside":
        return info_of(client, plan.role)
    return replace(info_of(client, "client"), secret="0" * 32)


def _pid() -> int:
    import os

    return os.getpid()
