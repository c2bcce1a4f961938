"""Job scripts say when their job ends, in words that its engines understand."""

from __future__ import annotations

import subprocess
import time

import pytest

from parallel.cluster.launchers.batch import BatchLauncher
from parallel.cluster.launchers.program import ENGINES, Program
from parallel.cluster.launchers.schedulers import (
    LSFLauncher,
    PBSLauncher,
    SGELauncher,
    SlurmLauncher,
    TorqueLauncher,
)
from parallel.engine.walltime import MARGIN, end_of_time

ENGINE = Program(role=ENGINES, profile_dir="/p", cluster_id="c", set_id="s")
LAUNCHERS = [LSFLauncher, PBSLauncher, SGELauncher, SlurmLauncher, TorqueLauncher]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_job_script_tells_engines_when_its_job_ends(
    launcher: type[BatchLauncher],
) -> None:
    script = launcher(ENGINE, walltime="2:00:00").script(1)
    (line,) = [line for line in script.splitlines() if "IPP_UNTIL" in line]
    words = ["/bin/sh", "-c", f"{line}; echo $IPP_UNTIL"]
    said = subprocess.check_output(words, text=True)
    end = end_of_time({"IPP_UNTIL": said.strip()})
    assert 7100 < end + MARGIN - time.time() <= 7200


def test_without_a_walltime_it_says_nothing() -> None:
    assert "IPP_UNTIL" not in SlurmLauncher(ENGINE).script(1)
