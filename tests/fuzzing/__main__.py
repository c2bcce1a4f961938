"""The command line of `scripts/fuzz`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence

from .run import Plan, run

__all__ = ["main"]

ROLES = ("outside", "engine", "client")
TRANSPORTS = ("ipc", "tcp")


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack as each of the roles that are asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/fuzz",
        description="Send a cluster malformed messages beside a client that works.",
        epilog="exit status: 0 nobody was harmed; 1 the report says who was, and how",
    )
    parser.add_argument("--kind", choices=ROLES, help="by default one after the other")
    parser.add_argument("--transport", choices=TRANSPORTS, help="by default both")
    parser.add_argument("--count", type=int, default=20_000, help="of batches, of each")
    parser.add_argument("--minutes", type=float, help="of each, at most")
    parser.add_argument("--rate", type=float, help="batches a second, at most")
    parser.add_argument(
        "--compare",
        type=float,
        default=0.0,
        metavar="MINUTES",
        help="first compare with a polite peer, at --rate (1000) batches a second",
    )
    parser.add_argument("--held", type=int, default=200, help="silent connections")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    # A profile of its own: nobody else's cluster, or files, are in the way.
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        os.environ["IPYTHONDIR"] = folder
        status = 0
        for role in [options.kind] if options.kind else ROLES:
            for transport in [options.transport] if options.transport else TRANSPORTS:
                plan = Plan(
                    role=role,
                    transport=transport,
                    count=options.count,
                    seed=options.seed,
                    minutes=options.minutes,
                    rate=options.rate,
                    held=options.held,
                    compared=options.compare,
                )
                report = run(plan)
                print(report.words(), flush=True)
                status |= bool(report.wrong)
    return status


if __name__ == "__main__":
    sys.exit(main())
