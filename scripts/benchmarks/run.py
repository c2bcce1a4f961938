"""One run: every system prepared, then all passes over what is asked for."""

from __future__ import annotations

import statistics
import sys

from benchmarks.environments import Environments, InstallationFailed
from benchmarks.findings import Findings
from benchmarks.outcome import Failure, Outcome
from benchmarks.plan import FIRST_START, Sitting, plan
from benchmarks.report import number
from benchmarks.runner import Runner


def measure(
    findings: Findings, environments: Environments, runner: Runner, *, passes: int
) -> None:
    """Do all passes, and take in what they find."""
    pythons = prepare(findings, environments, runner)
    wanted = {row.measurement for row in findings.rows}
    for turn in range(passes):
        for sitting in plan(
            findings.contestants, wanted, quick=runner.quick, turn=turn
        ):
            tell(f"{turn + 1}/{passes} {sitting.title()}: ", end="")
            outcome = runner.run(sitting, pythons[sitting.contestant.name])
            findings.add(sitting, outcome)
            tell(found(outcome))


def prepare(
    findings: Findings, environments: Environments, runner: Runner
) -> dict[str, str]:
    """Return each system's interpreter; a system that does not start is dropped.

    The first start after an installation reads cold files and is not counted.
    """
    pythons = {}
    for contestant in findings.contestants:
        sitting = Sitting(contestant, (FIRST_START,))
        try:
            python = environments.python(contestant)
        except InstallationFailed as error:
            failure = Failure(contestant.name, "installation", str(error))
            findings.drop(contestant, [failure])
            continue
        tell(f"{sitting.title()}: ", end="")
        outcome = runner.run(sitting, python)
        if FIRST_START.name in outcome.samples:
            findings.failures += outcome.failures
        else:
            findings.drop(contestant, outcome.failures)
        findings.versions[contestant.name] = outcome.versions
        pythons[contestant.name] = python
        tell(found(outcome))
    return pythons


def found(outcome: Outcome) -> str:
    """Return a sitting's medians in a few words, and whether it failed."""
    medians = [
        number(statistics.median(samples))
        for parts in outcome.samples.values()
        for samples in parts.values()
    ]
    return ", ".join(["FAILED"] * bool(outcome.failures) + medians)


def tell(text: str, end: str = "\n") -> None:
    """Say what goes on, beside the table on standard output."""
    print(text, end=end, file=sys.stderr, flush=True)
