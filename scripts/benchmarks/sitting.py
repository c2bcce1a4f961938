"""One sitting: a fresh process that starts one system and measures it.

It is told what to do by its only argument, a JSON object (see `runner.Order`), and
writes one JSON object a line into the file named there.  The clock starts with the
first statement: the start of the interpreter is not counted, all imports are.  What
only serves measuring is therefore imported after the start, in functions.
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import faulthandler  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from benchmarks.systems.base import System

#: Seconds that a stopped system has for its last process to end.
DEPARTURE = 20.0

#: The innermost frames that are told of a measurement's exception.
FRAMES = -5


def main() -> None:
    """Start, measure, stop."""
    faulthandler.register(signal.SIGUSR1)
    order = json.loads(sys.argv[1])
    results = os.open(order["results"], os.O_WRONLY | os.O_APPEND)

    def write(**line: Any) -> None:
        os.write(results, json.dumps(line).encode() + b"\n")

    write(pid=os.getpid())
    make = getattr(import_module(order["module"]), order["factory"])
    system: System = make(*order["arguments"])
    system.start(order["engines"], order["transport"])
    started = time.perf_counter() - BEGAN
    write(versions=versions(order["packages"]))
    is_stopped = False
    for measurement in order["measurements"]:
        name, method = measurement["name"], measurement["method"]
        if method == "start":
            write(name=name, samples={"": [started]})
        elif method == "stop":
            write(name=name, samples={"": [time_stop(system)]})
            is_stopped = True
        else:
            write(name=name, **measured(system, measurement))
    if not is_stopped:
        system.stop()


def measured(system: System, measurement: dict[str, Any]) -> dict[str, Any]:
    """Do one measurement: its samples, or why there are none."""
    from benchmarks.amounts import Amount, NotHere
    from benchmarks.methods import METHODS

    amount = Amount(measurement["count"], measurement["bouts"], measurement["seconds"])
    try:
        return {"samples": METHODS[measurement["method"]](system, amount)}
    except NotHere as reason:
        return {"absent": str(reason)}
    except Exception:
        import traceback

        return {"failure": traceback.format_exc(limit=FRAMES).rstrip()}


def time_stop(system: System) -> float:
    """Return the seconds from the call to the end of the last process."""
    from benchmarks import processes

    members = processes.members(os.environ[processes.MARK], os.getpid())
    departure = processes.Departure(members)
    began = time.perf_counter()
    system.stop()
    left = departure.wait(DEPARTURE)
    taken = time.perf_counter() - began
    if left:
        names = ", ".join(map(processes.name, left))
        raise processes.ProcessesLeft(f"not gone {DEPARTURE:.0f} s after stop: {names}")
    return taken


def versions(packages: list[str]) -> dict[str, str]:
    """Return the version of Python and of those packages that are installed."""
    from importlib import metadata

    found = {"python": sys.version.split()[0]}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
