"""The command line of `scripts/chaos`."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.apart import can_mount, run_apart
from tests.chaos.faults import DEFAULT, FAULTS, GROUPS, chosen
from tests.chaos.report import as_json, in_words, summary
from tests.chaos.run import Plan
from tests.leaks import MARK
from tests.system.hosts import why_not

__all__ = ["main"]

EPILOG = f"""\
faults: {", ".join(FAULTS)}
groups: {"; ".join(f"{name}: {', '.join(GROUPS[name])}" for name in GROUPS)}

exit status: 0 all was as it should be; 1 something was not, and the report says what
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds that are asked for, tell what was found, return the exit status."""
    options = parse(arguments)
    os.environ.setdefault(MARK, f"{os.getpid()}-{time.time_ns()}")
    runs = []
    for seed in range(options.seed, options.seed + options.seeds):
        plan = Plan(
            seed=seed,
            seconds=60 * options.minutes,
            engines=options.n,
            faults=options.faults,
            every=options.every,
            patience=options.patience,
            longest=options.longest,
            full_disk=options.full_disk,
            on_hosts=options.hosts,
        )
        runs.append(run_apart(plan, keep=options.keep))
        print(in_words(runs[-1]), flush=True)
    print(summary(runs))
    if options.json:
        options.json.write_text(as_json(runs))
    return int(any(each.complaints for each in runs))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options given."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Work with a cluster while its processes are killed and stopped at "
        "random, and see that nothing is lost, hangs, or is done twice.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option("--seed", type=int, default=1, help="what chance begins with (%(default)s)")
    option("--seeds", type=int, default=1, help="how many, from --seed on")
    option("--minutes", type=float, default=1.0, help="of work, for each seed")
    option("--n", type=int, default=4, help="engines (%(default)s)")
    option(
        "--faults",
        nargs="*",
        default=DEFAULT,
        help=f"faults, or groups of them, that happen ({' '.join(DEFAULT)})",
    )
    option("--every", type=float, default=1.0, help="seconds between two, in the mean")
    option("--longest", type=float, default=3, help="seconds of a stop, or of a cut")
    option("--patience", type=float, default=120, help="seconds; then a job hangs")
    option("--full-disk", action="store_true", help="the record's disk is small")
    option(
        "--hosts",
        action="store_true",
        help="network namespaces, not relays, are cut: as root, with iproute2 and nft",
    )
    option("--json", type=Path, help="a file for all that was found")
    option("--keep", action="store_true", help="keep logs and notes of good runs, too")
    options = parser.parse_args(arguments)
    try:
        options.faults = chosen(options.faults)
    except ValueError as error:
        parser.error(str(error))
    if options.full_disk and not can_mount():
        parser.error("--full-disk mounts a disk by `unshare`, which cannot be here")
    if options.hosts and (reason := why_not()):
        parser.error(f"--hosts: {reason}")
    return options
