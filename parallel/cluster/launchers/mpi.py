"""`MPILauncher`: engines that are the ranks of one MPI world, by mpiexec or srun."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import msgspec
from traitlets import List, Unicode, default

from ...errors import LauncherError
from ..allocation import allocation
from ..ends import lines_since, shown_lines
from .job import RUNNING, Job
from .local import LocalLauncher
from .mcafiles import is_set_in_files
from .mpiexec import Starter, starter_of, told_failure, told_slow
from .program import CONTROLLER

__all__ = ["MPILauncher"]

#: What tells its version has done so within this, seconds.
VERSION_PATIENCE = 30.0
#: The stderr of so many ranks is told when one has died.
SHOWN_RANKS = 3
#: What MPI says where its start fails, and what that mostly comes from.
NO_START = re.compile(r"MPI_Init|internal_Init|PMI version|PMIx_Init")
SUSPECT = (
    "MPI did not start: the ranks' mpi4py may have loaded another MPI library than "
    "this {}'s own: name the right one in mpi_cmd"
)


class MPILauncher(LocalLauncher):
    """By mpiexec or srun: the ranks of one MPI world, each an engine of its rank's id.

    All of them end when one does, for the others could wait for it for ever.
    """

    kind = "mpi"
    without: ClassVar[frozenset[str]] = frozenset(
        {"queue", "account", "walltime", "memory"}
    )

    mpi_cmd = List(
        Unicode(),
        help="What starts ranks, such as ['srun']; by default the mpiexec beside the "
        "interpreter, or else the first one in $PATH.",
    ).tag(config=True)
    mpi_args = List(
        Unicode(), help="More arguments for it, such as ['--hostfile', 'hosts']."
    ).tag(config=True)

    @default("mpi_cmd")
    def _find_mpiexec(self) -> list[str]:
        here = Path(self.python or sys.executable).parent / "mpiexec"
        return [str(here) if os.access(here, os.X_OK) else "mpiexec"]

    @property
    def engine_count(self) -> int | None:
        """How many engines the options come to, or else the batch job that this is."""
        found = allocation()
        return super().engine_count or (found.total if found else None)

    def command(self, n: int | None) -> list[str]:
        """Return the mpiexec command for so many ranks."""
        ranks = n or 1
        starter = self._starter()
        self._check_slots(ranks)
        words = [*self.mpi_cmd, "-n", str(ranks), *starter.always]
        words += starter.places(ranks, self.nodes, self.engines_per_node, self.cores)
        if starter.variable:
            names = sorted({*self.environment_of(), "PYTHONPATH"})
            there = self.surroundings()
            names = [name for name in names if name in there]
            words += [word for name in names for word in (starter.variable, name)]
        words += self.mpi_args
        if self.program.role == CONTROLLER:
            return [*words, *self.program.words(None, self.python)]
        words += self.program.rank_words(ranks, self.python)
        return [*words, f"--rank-stderr={self._stderr_of('{rank}')}"]

    def start(self, n: int | None = None) -> None:
        """Start mpiexec."""
        self._forget_stderr()
        super().start(n)

    def stop(self) -> None:
        """End mpiexec and all ranks."""
        super().stop()
        self._forget_stderr()

    def surroundings(self) -> dict[str, str]:
        """Return the environment of mpiexec, in which it does as it is asked."""
        found = super().surroundings()
        starter = self._starter()
        more = dict(starter.as_root) if os.geteuid() == 0 else {}
        more |= starter.crowded if allocation() is None else starter.in_job
        if self._is_at_home():
            more |= {
                name: value
                for name, value in starter.at_home.items()
                if not is_set_in_files(name, self.mpi_cmd[0])
            }
        return {**more, **found}

    def _is_at_home(self) -> bool:
        """Tell whether all ranks are on this host, as far as can be known."""
        found = allocation()
        is_elsewhere = found is not None and found.total != found.here
        return not (is_elsewhere or self.mpi_args or self.prologue)

    def jobs(self) -> list[Job]:
        """Return where mpiexec stands, with what is said of ranks that fail or hang."""
        return [self._explained(job) for job in super().jobs()]

    def _explained(self, job: Job) -> Job:
        if job.state != RUNNING and not job.failed:
            return job
        try:
            lines = lines_since(self.log_file, self._log_begin)
        except OSError:  # the job says that already
            return job
        if job.state == RUNNING:
            return msgspec.structs.replace(job, reason=told_slow(lines))
        stderr = self._last_stderr()
        why, others = told_failure(lines)
        aborted, _ = told_failure([line for each in stderr.values() for line in each])
        how = f"{self.mpi_cmd[0]} {job.reason}" if job.reason else ""
        suspect = SUSPECT.format(self.mpi_cmd[0]) if NO_START.search(why) else ""
        reason = ": ".join(filter(None, (how, suspect, aborted, why)))
        last = shown_lines(self.log_file, others)
        last += "".join(shown_lines(file, lines) for file, lines in stderr.items())
        return msgspec.structs.replace(job, reason=reason, last_lines=last.lstrip("\n"))

    def _stderr_of(self, rank: str) -> Path:
        """Return the file of a rank's stderr."""
        log = self.log_file
        return log.with_name(f"{log.stem}-rank{rank}.stderr")

    def _stderr_files(self) -> list[Path]:
        """Return the files of all ranks' stderr, the one last written first."""
        log = self.log_file
        begin = f"{log.stem}-rank"
        files = [file for file in log.parent.iterdir() if file.name.startswith(begin)]
        return sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)

    def _last_stderr(self) -> dict[Path, list[str]]:
        """Return the last lines that ranks wrote to stderr: of those that did, last."""
        try:
            found = {file: lines_since(file, 0) for file in self._stderr_files()}
        except OSError:  # they are being removed
            return {}
        told = [(file, lines) for file, lines in found.items() if lines]
        return dict(told[:SHOWN_RANKS])

    def _forget_stderr(self) -> None:
        with contextlib.suppress(OSError):
            for file in self._stderr_files():
                file.unlink(missing_ok=True)

    def _check_slots(self, ranks: int) -> None:
        """Raise if a batch system's job has no room for so many ranks."""
        found = allocation()
        is_asked_for = any("oversubscribe" in word for word in self.mpi_args)
        if found is None or ranks <= found.total or is_asked_for:
            return
        raise LauncherError(
            f"{ranks} engines were asked for, and this {found.system} job has "
            f"{found.total} slots: ask for so many at most, or for a larger job"
        )

    def _starter(self) -> Starter:
        """Return which kind of mpiexec it is; it is asked once."""
        if self._known is None:
            self._known = starter_of(self._ask_version())
        return self._known

    _known: Starter | None = None

    def _ask_version(self) -> str:
        if not self.mpi_cmd:
            raise LauncherError("mpi_cmd is empty: it has to name an mpiexec, or srun")
        program = self.mpi_cmd[0]
        if not self.prologue and shutil.which(program) is None:
            path = os.environ.get("PATH")
            raise LauncherError(
                f"cannot find {program}, which is to start engines with MPI, beside "
                f"{self.python or sys.executable} nor in $PATH ({path}): pip install "
                "'parallel[mpi]' brings one; or load your site's module for MPI, here "
                "or in the option prologue"
            )
        words = self.after_prologue([program, "--version"])
        try:
            told = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                cwd=self.folder,
                env=super().surroundings(),
                timeout=VERSION_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LauncherError(f"cannot run `{program} --version`: {error}") from error
        said = told.stdout + told.stderr
        if told.returncode in (126, 127):  # of the shell, after the prologue
            raise LauncherError(
                f"`{program} --version`, after the prologue, exited with status "
                f"{told.returncode}: {said.strip()}"
            )
        return said
