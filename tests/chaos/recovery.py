"""How soon work goes on after a process was killed, or the network healed.

Printed as a table, for docs/chaos.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from parallel import Client, Cluster
from parallel.transport.locations import connection_file
from tests.commands import running
from tests.integration.processes import controller_of
from tests.integration.tasks import note, notes, wait_for
from tests.relay import Relay
from tests.waiting import wait_until

__all__ = ["main"]

#: Seconds that anything may take.
PATIENCE = 120.0
ENGINES = 2


def begin_and_wait(begun: str, gate: str) -> int:
    """Note when this began, and in which process; then wait."""
    note(begun, f"{os.getpid()} {time.monotonic()}")
    return wait_for(gate)


def kill_engine(folder: Path) -> float:
    """Kill an engine; return after how long its task runs elsewhere."""
    begun, gate = folder / "begun", folder / "gate"
    with Cluster(n=ENGINES) as client:
        result = client.load_balanced_view().apply_async(
            begin_and_wait, str(begun), str(gate)
        )
        (first,) = wait_until(lambda: notes(begun), PATIENCE, "a start")
        killed = time.monotonic()
        os.kill(int(first.split()[0]), signal.SIGKILL)
        wait_until(lambda: len(notes(begun)) == 2, PATIENCE, "another start")
        gate.touch()
        result.get(PATIENCE)
    return float(notes(begun)[1].split()[1]) - killed


def replace_engine(folder: Path) -> float:
    """Kill an engine; return after how long another one does its first task."""
    with Cluster(n=ENGINES) as client:
        pid = client[0].apply_sync(os.getpid)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: 0 not in client.ids, PATIENCE, "word of its death")
        client.wait_for_engines(ENGINES, timeout=PATIENCE)
        client[-1].apply_sync(os.getpid)
        return time.monotonic() - killed


def kill_controller(folder: Path) -> float:
    """Kill the controller; return after how long a client has its next result."""
    with Cluster(n=ENGINES) as client:
        client[:].apply_sync(os.getpid)
        killed = time.monotonic()
        os.kill(controller_of(client), signal.SIGKILL)
        client.load_balanced_view().apply_async(abs, -1).get(PATIENCE)
        return time.monotonic() - killed


def end_under_controller(folder: Path) -> float:
    """Kill the controller while a task runs; return how soon its result comes."""
    begun, gate = folder / "begun", folder / "gate"
    with Cluster(n=ENGINES) as client:
        result = client.load_balanced_view().apply_async(
            begin_and_wait, str(begun), str(gate)
        )
        wait_until(lambda: notes(begun), PATIENCE, "a start")
        pid = controller_of(client)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        gate.touch()
        result.get(PATIENCE)
        assert len(notes(begun)) == 1, "it was started twice"
        return time.monotonic() - killed


@contextlib.contextmanager
def cut_off(folder: Path, role: str) -> Iterator[tuple[Client, Relay]]:
    """Give a client, and a relay that it or its last engine is behind."""
    with Cluster(n=1, transport="tcp") as client, contextlib.ExitStack() as stack:
        cluster = client.cluster
        relay = Relay(cluster.record.urls[0])
        stack.callback(relay.close)
        file = connection_file(Path(cluster.profile_dir), cluster.cluster_id, role)
        mine = relay.lead_over(file, folder / file.name)
        if role == "engine":
            stack.enter_context(running(f"ipengine --file={mine}"))
            client.wait_for_engines(2, timeout=PATIENCE)
        else:
            client = stack.enter_context(Client(mine))
        yield client, relay


def heal(folder: Path, role: str, how: str, seconds: float) -> float:
    """Cut somebody off for a while; return how long after it the next result comes."""
    with cut_off(folder, role) as (client, relay):
        client[:].apply_sync(os.getpid)
        relay.cut(how)
        result = client[-1].apply_async(os.getpid)
        assert not result.wait(seconds), "it was not cut off"
        healed = time.monotonic()
        relay.heal()
        result.get(PATIENCE)
        return time.monotonic() - healed


def heals(role: str, how: str, seconds: float) -> Callable[[Path], float]:
    """Return what measures one kind of cut."""
    return lambda folder: heal(folder, role, how, seconds)


CASES: dict[str, Callable[[Path], float]] = {
    "an engine is killed: its task runs elsewhere": kill_engine,
    "an engine is killed: the one in its place has done a task": replace_engine,
    "the controller is killed: the result of the next task": kill_controller,
    "the controller is killed: that of one that ends meanwhile": end_under_controller,
    "a client was cut off for 2 s: its next result": heals("client", "closed", 2),
    "an engine was cut off for 2 s: its next result": heals("engine", "closed", 2),
    "nothing came from a client for 5 s": heals("client", "silent", 5),
    "nothing came from an engine for 5 s": heals("engine", "silent", 5),
    "nothing came from a client for 15 s": heals("client", "silent", 15),
    "nothing came from an engine for 15 s": heals("engine", "silent", 15),
}


def measured(case: Callable[[Path], float]) -> float:
    """Return what one run of a case takes, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="recovery-") as folder:
        os.environ["IPYTHONDIR"] = str(Path(folder) / "ipython")
        return case(Path(folder))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each case so many times, and print what it took."""
    parser = argparse.ArgumentParser(
        prog="scripts/recovery", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--times", type=int, default=10, help="each (%(default)s)")
    parser.add_argument("--only", default="", help="cases with this in their words")
    options = parser.parse_args(arguments)
    print("| from, to | median, s | longest, s |\n| --- | --- | --- |", flush=True)
    for words, case in CASES.items():
        if options.only in words:
            found = [measured(case) for _ in range(options.times)]
            median, longest = statistics.median(found), max(found)
            print(f"| {words} | {median:.3f} | {longest:.3f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
