"""Each run in a process of its own, with a folder, a limit, and a small disk if wanted.

So what becomes of one run does not touch the next, and whatever hangs is ended.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

import msgspec
import pytest
import zmq

from parallel.transport.pids import is_alive
from tests.chaos.progress import Progress
from tests.chaos.run import Plan, Run, run
from tests.leaks import PATIENCE, kill, own_processes, processes, sandbox
from tests.waiting import wait_until

__all__ = ["can_mount", "main", "run_apart"]

#: Processes that are ended have so long to write down where they were, seconds.
LAST_WORDS = 10
APART = ["unshare", "--mount"]
if os.geteuid():
    APART = ["unshare", "--map-root-user", "--mount"]


def can_mount() -> bool:
    """Tell whether a disk of its own can be given to a run."""
    if shutil.which("unshare") is None:
        return False
    return not subprocess.run([*APART, "true"], capture_output=True).returncode


def run_apart(plan: Plan, *, keep: bool) -> Run:
    """Carry a plan out in another process; tell what was found.

    Parameters
    ----------
    keep
        The folder of a good run stays, too.
    """
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    (folder / "plan.json").write_bytes(msgspec.json.encode(plan))
    child = subprocess.Popen(
        _words(plan, folder), env={**os.environ, "PYTHONFAULTHANDLER": "1"}
    )
    complaint = ""
    try:
        status = child.wait(plan.limit)
        if status:
            complaint = f"the run ended with the status {status}"
    except subprocess.TimeoutExpired:
        complaint = f"the run did not end within {plan.limit:g} s, and was ended"
        _abort_all()
    finally:
        kill(processes())
        child.wait()
    found = Run(plan.seed)
    with contextlib.suppress(FileNotFoundError):
        found = msgspec.json.decode((folder / "found.json").read_bytes(), type=Run)
    if complaint:
        found.complaints.append(complaint)
    if keep or found.complaints:
        print(f"logs and notes are in {folder}")
    else:
        shutil.rmtree(folder)
    return found


def _words(plan: Plan, folder: Path) -> list[str]:
    warnings = [f"-W{each}" for each in sys.warnoptions]
    python = [sys.executable, *warnings, "-m", "tests.chaos.apart", str(folder)]
    if not plan.full_disk:
        return python
    disk = folder / "disk"
    disk.mkdir()
    size = Random(f"disk {plan.seed}").choice([1, 4, 16])
    mount = f'mount -t tmpfs -o size={size}m tmpfs {disk} && exec "$0" "$@"'
    return [*APART, "sh", "-c", mount, *python]


def _abort_all() -> None:
    """End everything, each process with its stacks: in its log, or to stderr."""
    pids = own_processes()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGABRT)
            os.kill(pid, signal.SIGCONT)
    with contextlib.suppress(AssertionError):  # they are killed then
        wait_until(lambda: not any(is_alive(pid) for pid in pids), LAST_WORDS)


def main(folder: Path) -> None:
    """Carry out the plan in a folder, and write down there what was found."""
    plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
    # pyzmq's thread that frees uncopied messages stays: it is not left by a run.
    zmq.Frame(b"first", copy=False, copy_threshold=0)
    told = logging.FileHandler(folder / "told")
    told.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger("parallel").addHandler(told)
    progress = Progress(plan.seed, max(plan.patience, 2 * PATIENCE))
    progress.start()
    found = Run(plan.seed)
    try:
        with sandbox(folder, whose="the run"):
            run(plan, folder, found, progress)
            progress.enter("it looks at what was left behind")
    except pytest.fail.Exception as failure:
        found.complaints.append(str(failure))
    except Exception as error:
        logging.getLogger("parallel.chaos").exception("the run cannot go on")
        found.complaints.append(f"the run cannot go on: {error!r}")
    (folder / "found.json").write_bytes(msgspec.json.encode(found))
    progress.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
