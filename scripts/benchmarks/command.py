"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import FLOOR, OWN, PEERS, STANDARD, Contestant
from benchmarks.environments import Environments
from benchmarks.findings import Findings
from benchmarks.outcome import Failure
from benchmarks.report import document, machine, notes, table
from benchmarks.rows import ROWS, Row
from benchmarks.run import measure
from benchmarks.runner import Runner

#: Passes of a full and of a quick run.
PASSES, QUICK_PASSES = 3, 1

MISSED, UNMEASURED = 1, 3

EPILOG = f"""\
rows: {", ".join(row.name for row in ROWS)}

exit status: 0 all was measured; {MISSED} with --strict, and a budget was missed;
{UNMEASURED} something could not be measured (it is told what, and why)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return the exit status."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    contestants = [OWN, FLOOR, *STANDARD, *options.peers]
    findings = Findings(contestants, options.only)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(
        prefix="bench-", ignore_cleanup_errors=True
    ) as folder:
        environments = Environments(options.env_dir or Path(folder, "environments"))
        runner = Runner(Path(folder), quick=options.quick)
        try:
            measure(findings, environments, runner, passes=options.passes)
            findings.check()
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            findings.failures.append(Failure("the run", "the rest", "interrupted"))
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores, Python {here['python']}\n")
    print(table(findings), end="\n\n")
    for note in notes(findings, quick=options.quick, load=load):
        print(f"- {note}")
    for failure in findings.failures:
        print(f"\nFAILED {failure.contestant}, {failure.what}: {failure.why}")
    if options.json:
        told = {"quick": options.quick, "passes": options.passes, "load": load}
        text = json.dumps(document(findings, told), indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    if findings.failures:
        return UNMEASURED
    missed = any(findings.verdict(row) == "missed" for row in findings.rows)
    return MISSED if missed and options.strict else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure the project's budgets, beside the floor and the peers.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", type=rows, default=ROWS, metavar="ROW[,ROW]", help="these rows")
    add("--quick", action="store_true", help="few repetitions")
    add("--passes", type=int, help=f"times round ({PASSES}; --quick: {QUICK_PASSES})")
    names = ",".join(each.name for each in PEERS)
    add(
        "--peers",
        type=peers,
        nargs="?",
        const=PEERS,
        default=(),
        metavar="NAME[,NAME]",
        help=f"also these, installed for it; without names: {names}",
    )
    add("--env-dir", type=Path, metavar="DIR", help="keep their environments here")
    add("--json", type=Path, metavar="FILE", help="write everything there")
    add("--strict", action="store_true", help="fail if a budget is missed")
    options = parser.parse_args(arguments)
    options.passes = options.passes or (QUICK_PASSES if options.quick else PASSES)
    return options


def rows(names: str) -> tuple[Row, ...]:
    """Return rows by name; the name of a measurement means all of its rows."""
    wanted = set(names.split(","))
    if unknown := wanted - {
        name for row in ROWS for name in (row.name, row.measurement)
    }:
        raise argparse.ArgumentTypeError(f"no such row: {', '.join(sorted(unknown))}")
    return tuple(row for row in ROWS if wanted & {row.name, row.measurement})


def peers(names: str) -> tuple[Contestant, ...]:
    """Return peers by name."""
    wanted = set(names.split(","))
    if unknown := wanted - {each.name for each in PEERS}:
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}")
    return tuple(each for each in PEERS if each.name in wanted)
