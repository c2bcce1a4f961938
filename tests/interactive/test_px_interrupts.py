"""Ctrl-C at whatever moment of a `%px` leaves no engine at work that nobody waits for.

In a script, for an interrupt that comes late would end the tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.scripts import run_script

pytestmark = pytest.mark.slow

SESSION = """
import signal
import time
import types

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import parallel

config = Config()
config.HistoryManager.enabled = False
module = types.ModuleType("session")
shell = InteractiveShell.instance(config=config, user_module=module)
"""
SHOWER = """
import contextlib
import io
import random

CELL = "print('begun')\\nimport time\\ntime.sleep(600)"
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
random.seed(1)
ended = before = 0
with parallel.Cluster(n=2) as rc:
    rc.activate()
    shell.run_line_magic("pxconfig", "--progress-after -1")
    took = []
    for _ in range(10):  # the first imports what the others have
        begun = time.perf_counter()
        shell.run_cell_magic("px", "", "pass")
        took.append(time.perf_counter() - begun)
    # Around it all, for an interrupt may come while it is set or undone.
    with contextlib.redirect_stdout(io.StringIO()):
        for round in range(50):
            try:
                try:
                    after = random.uniform(0.1, 1.5) * min(took)
                    signal.setitimer(signal.ITIMER_REAL, after)
                    shell.run_cell_magic("px", "", CELL)
                except KeyboardInterrupt:  # before there was anything to be interrupted
                    before += 1
                except parallel.AlreadyDisplayedError:
                    ended += 1
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                pass
            assert rc.wait(timeout=10), (round, rc.queue_status())
print(ended, before)
"""


TWICE = """
import pathlib

CELL = "import time; open({!r}, 'w').close(); time.sleep(600)"
begun = pathlib.Path(__file__).with_name("begun")
with parallel.Cluster(n=1) as rc:
    view = rc.activate()
    send = view.execute

    def interrupted_twice(*arguments, **options):
        send(*arguments, **options)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    view.execute = interrupted_twice
    try:
        shell.run_cell_magic("px", "", CELL.format(str(begun)))
    except KeyboardInterrupt as error:
        print(error)
    while not begun.exists():
        time.sleep(0.01)
    rc.send_signal("SIGINT")
    print(rc.wait(timeout=10))
"""


def test_two_of_them_while_the_cell_is_sent_are_told(tmp_path: Path) -> None:
    told, ended = run_script(tmp_path, SESSION + TWICE).splitlines()
    assert told.startswith("Interrupted once more while the cell was sent: engines may")
    assert ended == "True"


def test_a_shower_of_them(tmp_path: Path) -> None:
    ended, before = map(int, run_script(tmp_path, SESSION + SHOWER).split())
    assert ended > 10
    assert ended + before > 40
