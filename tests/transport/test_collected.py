"""A zmq context that nobody closed, as an interrupted connection leaves one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: In a process of its own: to hang is to hold the GIL.
SCRIPT = """
import gc, os, sys, zmq
from parallel.transport.endpoints import new_context

def leave():
    context = new_context(encrypted=False)
    dealer = context.socket(zmq.DEALER)
    dealer.connect(sys.argv[1])
    dealer.send(b"nobody reads this")
    held = [context, dealer, dealer.get_monitor_socket()]
    held.append(held)

before = len(os.listdir("/proc/self/task"))
leave()
gc.collect()
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_a_context_in_a_cycle_is_collected_with_its_sockets(tmp_path: Path) -> None:
    url = f"ipc://{tmp_path}/nobody"
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, url],
        capture_output=True,
        text=True,
        timeout=20,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    assert (ended.stdout, ended.stderr) == ("0\n", "")
