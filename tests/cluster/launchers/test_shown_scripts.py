"""The job scripts that the reference shows are those that its lines make."""

from __future__ import annotations

import re
from typing import Any

import pytest

from parallel.cluster.launchers import schedulers
from parallel.cluster.launchers.program import ENGINES, Program
from tests import ROOT

PAGE = ROOT / "docs" / "reference" / "launchers.md"
#: A line that starts a cluster, and the script or scripts that are shown below it.
SHOWN = re.compile(
    r"(?ms)^```python no-run\nCluster\((n=.*?)\)\n```\n(.*?)(?=^#{3,4} |\Z)"
)
LAUNCHERS = {
    "slurm": schedulers.SlurmLauncher,
    "pbs": schedulers.PBSLauncher,
    "torque": schedulers.TorqueLauncher,
    "sge": schedulers.SGELauncher,
    "lsf": schedulers.LSFLauncher,
    "htcondor": schedulers.HTCondorLauncher,
}
#: Whose scripts they are.
PROGRAM = Program(role=ENGINES, profile_dir="/home/me/profile", cluster_id="")
PLACE = {"python": "/env/bin/python", "work_dir": "/home/me"}


def shown() -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Return the options and the scripts of each system that the page shows."""
    found = {}
    for line, rest in SHOWN.findall(PAGE.read_text()):
        options = eval(f"dict({line})")
        blocks = re.findall(r"(?ms)^```(?:bash|ini)\n(.*?)^```", rest)
        found[options.pop("engines")] = options, blocks
    return found


def test_each_batch_system_is_shown() -> None:
    assert list(shown()) == list(LAUNCHERS)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_script_that_is_shown_is_the_one_that_is_submitted(name: str) -> None:
    options, scripts = shown()[name]
    n = options.pop("n")
    launcher = LAUNCHERS[name](PROGRAM, **options, **PLACE)
    made = [launcher.script(n)]
    if launcher.system.script:
        (jobs, engines), *_ = launcher.portions(n)
        fields = launcher.fields(jobs, engines)
        made.append(launcher.render(launcher.system.script, fields))
    assert scripts == made
