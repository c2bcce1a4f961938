"""What is submitted to batch systems: scripts, from templates and options."""

from __future__ import annotations

import json
import shlex
import sys
import sysconfig
from pathlib import Path
from typing import Any, ClassVar

from traitlets import Bool, Dict, Unicode

from ...engine.spec import JOB
from ...engine.walltime import UNTIL
from ...errors import LauncherError
from ...transport.locations import log_file
from ..prologue import watched
from ..surroundings import environment_with_package
from .amounts import mebibytes, seconds
from .launcher import Launcher
from .program import CONTROLLER, ENGINES
from .systems.system import BatchSystem
from .templates import render

__all__ = ["JobScript"]


class JobScript(Launcher):
    """The half of a batch system's launcher that writes the scripts."""

    system: ClassVar[BatchSystem]
    #: Options that only this system's script has a field for.
    more_fields: ClassVar[tuple[str, ...]] = ()

    batch_template = Unicode(help="The job script, with {fields}.")
    batch_template_file = Unicode(
        help="A file with the job script, whose path may begin in the profile's folder."
    )
    output_file = Unicode(help="Where jobs write, in the batch system's own signs.")
    namespace = Dict(help="More fields for the job script.")
    options = Unicode(help="More words for the directives of the job script.")
    array = Bool(
        None,
        allow_none=True,
        help="Whether each host's engines are a job of their own, which starts when it "
        "can, or all engines are one job. By default one job for slurm.",
    )

    for _script_option in (batch_template, batch_template_file, output_file, namespace,
                    options, array):  # fmt: skip
        _script_option.tag(config=True)
    del _script_option

    def script(self, n: int | None = None) -> str:
        """Return what is submitted for so many engines; of several jobs, the first.

        Raises
        ------
        LauncherError
            The template is wrong: where, and why.
        """
        (jobs, engines), *_ = self.portions(n)
        return self.render(self.template, self.fields(jobs, engines))

    def render(self, template: str, fields: dict[str, Any]) -> str:
        """Return a template with its fields filled in."""
        return render(template, fields, self.system.directive)

    @property
    def template(self) -> str:
        """What is submitted, with its fields not yet filled in.

        Raises
        ------
        LauncherError
            Its file cannot be read, or there is none.
        """
        if self.batch_template_file:
            file = Path(self.batch_template_file).expanduser()
            path = Path(self.program.profile_dir) / file
            try:
                return path.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise LauncherError(
                    f"batch_template_file={self.batch_template_file!r} cannot be read: "
                    f"{error}"
                ) from error
        if template := self.batch_template or self.system.template:
            return template
        raise LauncherError(
            f"the launcher {self.kind!r} needs a job script: batch_template='…', or "
            "batch_template_file='…'"
        )

    def portions(self, n: int | None) -> list[tuple[int, int]]:
        """Return how many jobs of how many engines are to be submitted.

        Raises
        ------
        LauncherError
            It is not known how many engines, or they cannot be one job.
        """
        if self.program.role == CONTROLLER:
            return [(1, 1)]
        n = self.engine_count if n is None else n
        if not self.is_array:
            return [(1, n)]
        each = self.engines_per_node or (-(-n // self.nodes) if self.nodes else 1)
        jobs, rest = divmod(n, each)
        if self.has_own_template:  # it may be an array by itself, whatever we say
            return [(jobs + bool(rest), each)]
        return [(jobs, each)] * bool(jobs) + [(1, rest)] * bool(rest)

    @property
    def engine_count(self) -> int:
        """How many engines the options come to: this host's cores say nothing there.

        Raises
        ------
        LauncherError
            They do not say it.
        """
        n = super().engine_count
        if n is None:
            raise LauncherError(
                f"{self.system.name} has to know how many engines: give n, or nodes "
                "and engines_per_node"
            )
        return n

    @property
    def has_own_template(self) -> bool:
        """Whether the user has given the job script."""
        return bool(self.batch_template_file or self.batch_template)

    @property
    def is_array(self) -> bool:
        """Whether each host's engines are a job of their own.

        Raises
        ------
        LauncherError
            They are to be one job, and the template of their system cannot.
        """
        if self.array is not None and not (
            self.array or self.system.spread or self.has_own_template
        ):
            raise LauncherError(
                f"array=False: the job script for {self.system.name} starts the "
                "engines of one host; give one that starts {host_agent} on several, by "
                "batch_template"
            )
        return not self.system.spread if self.array is None else self.array

    def fields(self, jobs: int, engines: int) -> dict[str, Any]:
        """Return what a template may have fields for.

        Parameters
        ----------
        jobs
            How many jobs it is.
        engines
            Engines of each.
        """
        program, is_array = self.program, self.program.role == ENGINES and self.is_array
        spread = self.system.spread if program.role == ENGINES else ""
        command = program.words(1, self.python)
        agent = program.words(None if spread else engines, self.python)
        time = seconds(self.walltime) if self.walltime else None
        environment = self.script_environment()
        fields = {
            **self._given(),
            "n": jobs * engines,
            "jobs": jobs,
            "array": self._array(jobs),
            "engines": engines,
            "slots": engines * (self.cores or 1),
            "nodes": 1 if is_array else self.nodes,
            "engines_per_node": engines if is_array else self.engines_per_node,
            "walltime": time and f"{time // 3600}:{time // 60 % 60:02}:{time % 60:02}",
            "walltime_seconds": time,
            "memory": mebibytes(self.memory) if self.memory else None,
            "name": "ipcontroller" if program.role == CONTROLLER else "ipengines",
            "output_file": self._output(jobs),
            "output_base": shlex.quote(str(self.output_base)),
            # HTCondor reads it only when the job starts: others have another one.
            "script_file": f"{self.output_base}-{engines}.sh",
            "profile_dir": program.profile_dir,
            "cluster_id": program.cluster_id,
            "work_dir": str(self.folder),
            "program": shlex.quote(command[0]),
            "program_args": shlex.join(command[1:]),
            "program_and_args": shlex.join(command),
            "host_agent": shlex.join(agent),
            "spread": spread,
            "environment_json": json.dumps(environment),
            "preparation": "\n".join(self._preparation(environment, time, jobs)),
        }
        return {**fields, **self.namespace}

    def script_environment(self) -> dict[str, str]:
        """Return the variables that a script sets."""
        found = self.environment_of()
        if not self.python:  # what is found here is nothing for another interpreter
            modules = environment_with_package(_own_folders()).get("PYTHONPATH")
            found = {**({"PYTHONPATH": modules} if modules else {}), **found}
        return found

    @property
    def output_base(self) -> Path:
        """What the paths of logs and scripts begin with."""
        program = self.program
        name = "ipcontroller"
        if program.role == ENGINES:
            name = f"ipengines-{program.set_id}" if program.set_id else "ipengines"
        log = log_file(Path(program.profile_dir), name, program.cluster_id)
        return log.with_name(log.name.removesuffix(".log"))

    def _output(self, jobs: int) -> str:
        system = self.system
        more = system.array_output if jobs > 1 else system.single_output
        return self.output_file or f"{self.output_base}{more}"

    def _given(self) -> dict[str, Any]:
        """Return the options that are fields as they are; None where not given."""
        names = ("queue", "account", "cores", "options", *self.more_fields)
        return {name: getattr(self, name) or None for name in names}

    def _array(self, jobs: int) -> str | None:
        return f"1-{jobs}" if jobs > 1 else None

    def _preparation(
        self, environment: dict[str, str], walltime: int | None, jobs: int
    ) -> list[str]:
        until = f"export {UNTIL}=$(( $(date +%s) + {walltime} ))"
        name = self.system.array_name if jobs > 1 else self.system.single_name
        return [
            *([until] if walltime else []),
            *([f'export {JOB}="{name}"'] if name else []),
            *(
                f"export {name}={shlex.quote(environment[name])}"
                for name in environment
            ),
            f"cd {shlex.quote(str(self.folder))} || exit 1",
            *watched(self.prologue),
        ]


def _own_folders() -> list[str]:
    """Return where this process finds modules and another one would not."""
    known = tuple(sysconfig.get_path(each) for each in ("stdlib", "purelib", "platlib"))
    folders = [str(Path(folder or ".").absolute()) for folder in sys.path]
    return [
        each for each in folders if not each.startswith(known) and each[-4:] != ".zip"
    ]
