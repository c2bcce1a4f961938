"""Clients, and engines, that come, do something, and go, one after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from parallel import Client
from parallel.transport.locations import connection_file
from tests.commands import running
from tests.integration.processes import wait_until_gone
from tests.integration.tasks import add
from tests.waiting import wait_until

__all__ = ["clients_in_turn", "engines_in_turn"]

#: Each client of so many is a process that ends without a word.
KILLED = 100
#: Each engine of so many is one that no agent watches, and that is told to end.
GUESTS = 10
#: Seconds for one to come.
PATIENCE = 60.0
#: What a client does that is killed.
VISIT = """
import os, sys, parallel
from tests.integration.tasks import add
client = parallel.Client(sys.argv[1])
assert client[0].apply_sync(add, 1) == 2
client.load_balanced_view().apply_async(add, 2)
os._exit(0)
"""


def clients_in_turn(client: Client, number: int) -> None:
    """Connect, do one task, and close, so many times."""
    file = _file_for(client, "client")
    for i in range(number):
        if i % KILLED == KILLED - 1:
            words = [sys.executable, "-c", VISIT, str(file)]
            subprocess.run(words, check=True, timeout=PATIENCE)
            continue
        with Client(file) as guest:
            assert guest.load_balanced_view().apply_sync(add, i) == i + 1


def engines_in_turn(client: Client, number: int) -> None:
    """Have so many engines join, do one task, and be killed or stopped."""
    for i in range(number):
        if i % GUESTS == GUESTS - 1:
            _have_a_guest(client)
        else:
            _replace_the_oldest(client)


def _replace_the_oldest(client: Client) -> None:
    """Kill an engine, and wait for the one that its agent starts in its place."""
    before = set(client.ids)
    pid = client[min(before)].apply_sync(os.getpid)
    os.kill(pid, signal.SIGKILL)
    (new,) = wait_until(lambda: set(client.ids) - before, PATIENCE, "new engine")
    assert client[new].apply_sync(add, 1) == 2
    wait_until(lambda: len(client.ids) == len(before), PATIENCE, "news of the old one")


def _have_a_guest(client: Client) -> None:
    before = set(client.ids)
    file = _file_for(client, "engine")
    with running(f"ipengine --file={file} --timeout={PATIENCE:g}") as guest:
        (new,) = wait_until(lambda: set(client.ids) - before, PATIENCE, "guest")
        assert client[new].apply_sync(add, 1) == 2
        guest.end()
        wait_until_gone(guest.process.pid)
    wait_until(lambda: set(client.ids) == before, PATIENCE, "news of its end")


def _file_for(client: Client, role: str) -> Path:
    cluster = client.cluster
    assert cluster is not None
    return connection_file(Path(cluster.profile_dir), cluster.cluster_id, role)
