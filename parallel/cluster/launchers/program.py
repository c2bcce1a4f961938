"""What is to run somewhere: a controller, or some engines."""

from __future__ import annotations

import sys

import msgspec

from ..surroundings import program_of

__all__ = ["CONTROLLER", "ENGINES", "Program"]

#: The two roles of programs.
CONTROLLER, ENGINES = "controller", "engines"


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A role, as a value: which command runs it, whatever starts that command.

    Parameters
    ----------
    role
        `controller` or `engines`.
    profile_dir, cluster_id
        Which cluster; the folder is the one that the command sees, on its host.
    set_id
        The set that these engines belong to.
    arguments
        More words for the command.
    """

    role: str
    profile_dir: str
    cluster_id: str
    set_id: str = ""
    arguments: list[str] = []

    def words(self, n: int | None = None, python: str = "") -> list[str]:
        """Return the command that runs it, word by word.

        Parameters
        ----------
        n
            How many engines the command starts on its host; None for as many as
            the batch system has given it there.
        python
            The interpreter on that host; by default the one that runs here.
        """
        command = [*_run("parallel.cli.cluster", python), "engines"]
        if self.role == CONTROLLER:
            command = _run("parallel.cli.controller", python)
        command += self._which_cluster()
        if self.role == ENGINES:
            command += [f"--engine-set={self.set_id}"] if self.set_id else []
            command += [f"--n={n}"] if n is not None else []
        return [*command, *self.arguments]

    def rank_words(self, n: int, python: str = "") -> list[str]:
        """Return the command that each of n ranks of an MPI world runs, one engine.

        Parameters
        ----------
        python
            The interpreter on its host; by default the one that runs here.
        """
        command = _run("parallel.cli.engine", python)
        command += ["--mpi", f"--mpi-size={n}", *self._which_cluster()]
        command += [f"--engine-set={self.set_id}"] if self.set_id else []
        return [*command, *self.arguments]

    def _which_cluster(self) -> list[str]:
        words = [f"--profile-dir={self.profile_dir}"]
        return words + ([f"--cluster-id={self.cluster_id}"] if self.cluster_id else [])


def _run(module: str, python: str) -> list[str]:
    # By -m it would be looked for in the working folder first.
    return [python or sys.executable, "-c", program_of(module)]
