"""Submit far more than an engine can do, and see what each process holds at most.

Each case runs in a process of its own, since what is told is the peak of its
memory. The exit status is 1 if one held more than 300 MiB. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import parallel as ipp

#: No process is to hold more than this, MiB.
BOUND = 300
#: The bytes of a large argument.
LARGE = 100_000
#: While this sleeps, seconds, nothing comes back.
SLEEP = 10


def direct(rc: ipp.Client, count: int) -> None:
    """Call nothing of note, on one engine that sleeps at first."""
    rc[0].apply_async(time.sleep, SLEEP)
    for i in range(count):
        rc[0].apply_async(abs, -i)


def balanced(rc: ipp.Client, count: int) -> None:
    """Call it on whichever engine is free: there is one, and it sleeps."""
    view = rc.load_balanced_view()
    view.apply_async(time.sleep, SLEEP)
    for i in range(count):
        view.apply_async(abs, -i)


def large(rc: ipp.Client, count: int) -> None:
    """Call something that takes 1 ms, with 100 kB each."""
    view = rc.load_balanced_view()
    for i in range(count):
        view.apply_async(slow, bytes([i % 256]) * LARGE)


def slow(data: bytes) -> int:
    """Take a while over something."""
    time.sleep(0.001)
    return len(data)


CASES = {"direct": direct, "balanced": balanced, "large": large}


def peak(pid: int) -> int:
    """Return the most that a process has held so far, MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [each for each in status.splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) // 1024


def run(case: str, count: int) -> bool:
    """Do one case here, and print what came of it; tell whether it was bounded."""
    with ipp.Cluster(n=1) as rc:
        engine = rc[0].apply_sync(os.getpid)
        found: Any = rc.cluster
        agent = found.record.pid
        children = Path(f"/proc/{agent}/task/{agent}/children").read_text().split()
        (controller,) = {int(pid) for pid in children} - {engine}
        CASES[case](rc, count)
        rc.wait()
        processes = {"client": os.getpid(), "controller": controller, "engine": engine}
        peaks = {who: peak(pid) for who, pid in processes.items()}
    told = ", ".join(f"{who} {size} MiB" for who, size in peaks.items())
    print(f"{case}, {count:,} calls: {told}", flush=True)
    return max(peaks.values()) <= BOUND


def main() -> int:
    """Do the cases that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], metavar="CASE",
                        help=f"by default all: {', '.join(CASES)}")  # fmt: skip
    parser.add_argument("--calls", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cases = options.cases or list(CASES)
    if options.here:
        return 0 if all(run(case, options.calls) for case in cases) else 1
    own = [sys.executable, __file__, "--here", "--calls", str(options.calls)]
    return max(subprocess.run([*own, case], check=False).returncode for case in cases)


if __name__ == "__main__":
    sys.exit(main())
