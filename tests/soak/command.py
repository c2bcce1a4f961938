"""The command line of `scripts/soak`."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.soak.apart import apart
from tests.soak.report import as_json, in_words
from tests.soak.run import Plan, Soak, soak

__all__ = ["main"]

EPILOG = """\
exit status: 0 nothing grew, and all was as it should be; 1 the report says what was not
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for, tell what was found, return the exit status."""
    options = parse(arguments)
    plan = Plan(
        seconds=60 * options.minutes,
        n=options.n,
        clients=options.clients,
        engines=options.engines,
        every=options.every,
        transport=options.transport,
        growth=options.growth,
    )
    # A shell without job control starts background jobs that ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = Soak(plan)
    with apart("soak", found.complaints, keep=options.keep) as folder:
        soak(found, folder)
    print(in_words(found))
    if options.json:
        options.json.write_text(as_json(found))
    return int(bool(found.complaints))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options given."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Work with a cluster for a long time, or have clients or engines "
        "come and go, and see that no process grows, and that nobody is called dead.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("--minutes", type=float, default=1.0, help="of work (%(default)s)")
    option("--n", type=int, default=4, help="engines (%(default)s)")
    option("--clients", type=int, default=0, help="so many come and go instead")
    option("--engines", type=int, default=0, help="so many come and go instead")
    option("--every", type=float, default=1.0, help="seconds between two looks")
    option("--transport", choices=("ipc", "tcp"), default="ipc")
    option("--growth", type=float, default=5.0, help="MiB that each may grow by")
    option("--json", type=Path, help="a file for all that was found")
    option("--keep", action="store_true", help="keep the logs of a good run, too")
    options = parser.parse_args(arguments)
    if options.clients and options.engines:
        parser.error("--clients and --engines are two runs")
    return options
