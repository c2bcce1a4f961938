"""The launchers of the batch systems that are known."""

from __future__ import annotations

from typing import Any

from traitlets import Unicode, default

from .batch import BatchLauncher
from .program import Program
from .systems.gridengine import SGE
from .systems.htcondor import HTCONDOR
from .systems.lsf import LSF
from .systems.pbs import PBS, TORQUE
from .systems.slurm import SLURM

__all__ = [
    "HTCondorLauncher",
    "LSFLauncher",
    "PBSLauncher",
    "SGELauncher",
    "SlurmLauncher",
    "TorqueLauncher",
]


class SlurmLauncher(BatchLauncher):
    """Through Slurm, as one job for all engines."""

    kind = "slurm"
    system = SLURM
    more_fields = ("qos",)

    qos = Unicode(help="The quality of service.").tag(config=True)
    timelimit = Unicode(help="Another name for walltime.").tag(config=True)

    def __init__(self, program: Program, **options: Any) -> None:
        super().__init__(program, **options)
        self.walltime = self.walltime or self.timelimit


class PBSLauncher(BatchLauncher):
    """Through OpenPBS, or PBS Pro, as a job for each host's engines."""

    kind = "pbs"
    system = PBS


class TorqueLauncher(BatchLauncher):
    """Through Torque, as a job for each host's engines."""

    kind = "torque"
    system = TORQUE


class SGELauncher(BatchLauncher):
    """Through Grid Engine, as a job for each host's engines."""

    kind = "sge"
    system = SGE
    more_fields = ("parallel_environment",)

    parallel_environment = Unicode(
        "smp", help="The parallel environment whose slots are on one host."
    ).tag(config=True)

    @default("stop_timeout")
    def _stop_timeout(self) -> float:
        return 90.0  # a job that has missed that it is to end is killed a minute later


class LSFLauncher(BatchLauncher):
    """Through LSF, as a job for each host's engines."""

    kind = "lsf"
    system = LSF


class HTCondorLauncher(BatchLauncher):
    """Through HTCondor, as a process of one cluster for each host's engines."""

    kind = "htcondor"
    system = HTCONDOR
