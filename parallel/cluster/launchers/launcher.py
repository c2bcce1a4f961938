"""What all launchers have in common: options, and how they are asked."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
from traitlets import Float, Int, TraitError
from traitlets.config import Configurable, LoggingConfigurable

from ...errors import LauncherError, NotRunning
from ...transport.keys import ROLES
from ...transport.locations import connection_file
from ..shares import name_shared
from .followed import Followed
from .job import Job
from .options import CommonOptions
from .program import Program

__all__ = ["Launcher"]

L = TypeVar("L", bound="Launcher")


class Launcher(Followed, CommonOptions, LoggingConfigurable):
    """Starts a program somewhere, tells how it fares, and ends it.

    Methods wait for the commands that they run, with a bound, and not for what these
    start: `start` returns once the system has accepted it.

    Parameters
    ----------
    program
        What to start.

    Raises
    ------
    LauncherError
        From each method: which command failed, its exit status and what it said.
    """

    #: Its name in `Cluster(engines=…)`, on the command line and in cluster files.
    kind: ClassVar[str] = ""
    #: More sections of configuration files that speak to it, by ipyparallel's names.
    sections: ClassVar[tuple[str, ...]] = ("BaseLauncher",)
    #: The options, of those that all launchers have, that say nothing to this one.
    without: ClassVar[frozenset[str]] = frozenset()

    stop_timeout = Float(60.0, min=0, help="Seconds that its end may take.")
    output_limit = Int(100, min=0, help="Lines of output to tell when it fails.")

    for _option in (stop_timeout, output_limit):
        _option.tag(config=True)
    del _option

    #: The engines of it, as they were asked for; None for a controller.
    n: int | None = None
    #: How many of them each job has lost as they were let go, by the jobs' names.
    let_go: dict[str, int]

    def __init__(self, program: Program, **options: Any) -> None:
        self.program = program
        self.let_go = {}
        unknown = sorted(set(options) - {"parent", "config"} - set(self.trait_names()))
        if unknown:
            near = difflib.get_close_matches(unknown[0], self.trait_names(), n=1)
            more = f": did you mean {near[0]!r}?" if near else ""
            raise TypeError(
                f"the launcher {self.kind!r} has no option {unknown[0]!r}{more}"
            )
        try:
            super().__init__(**options)
        except TraitError as error:
            raise LauncherError(f"{type(self).__name__}: {error}") from error
        set_here = [name for name in self.without if getattr(self, name)]
        if set_here:
            raise LauncherError(
                f"the launcher {self.kind!r} has no use for {', '.join(set_here)}"
            )

    @classmethod
    def section_names(cls) -> list[str]:
        """Return the sections of configuration files that speak to it; the last wins.

        traitlets asks for them.
        """
        found: list[str] = []
        for base in reversed(cls.mro()):
            if issubclass(base, Configurable):
                found += [*vars(base).get("sections", ()), base.__name__]
        return found

    # What each launcher does in its own way

    def start(self, n: int | None = None) -> None:
        """Start the program; return once the system has accepted it.

        Parameters
        ----------
        n
            Engines, all together; None for a controller.
        """
        raise NotImplementedError

    def jobs(self) -> list[Job]:
        """Return where each piece stands, asking the system anew."""
        raise NotImplementedError

    def stop(self) -> None:
        """End all of it; return once its system says that it has ended."""
        raise NotImplementedError

    def signal(self, signum: int) -> None:
        """Send a signal to its processes."""
        raise NotImplementedError

    def state_to_dict(self) -> dict[str, Any]:
        """Return, for JSON, what finds again what it started."""
        raise NotImplementedError

    def state_from_dict(self, state: dict[str, Any]) -> None:
        """Take over what another process's launcher of this kind has started."""
        raise NotImplementedError

    # What some do

    def fetch(self) -> None:
        """Bring a controller's connection files here, if no file system does so.

        It is asked again and again until they are in the profile's folder.
        """

    def detach(self) -> None:
        """Let go of what was started: it is to go on when this process ends."""

    # Found again

    def kept_options(self) -> dict[str, Any]:
        """Return, for JSON, the options of one like this, for the same program."""
        return self.options_to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return, for JSON, what finds again what it started: see `from_dict`."""
        return {
            "program": msgspec.to_builtins(self.program),
            "n": self.n,
            "let_go": self.let_go,
            "options": self.kept_options(),
            "state": self.state_to_dict(),
        }

    @classmethod
    def from_dict(
        cls: type[L], described: Mapping[str, Any], *, config: Any = None,
        parent: Any = None,
    ) -> L:  # fmt: skip
        """Return the launcher that `to_dict` has told of.

        Raises
        ------
        NotRunning
            What it started has ended.
        LauncherError
            It cannot be found again from here, or was not told by `to_dict`.
        """
        more = {} if config is None else {"config": config}
        try:
            program = msgspec.convert(described["program"], Program)
            launcher = cls(program, parent=parent, **described["options"], **more)
            launcher.n, launcher.let_go = described["n"], described.get("let_go", {})
            launcher.state_from_dict(described["state"])
        except (KeyError, TypeError, msgspec.MsgspecError) as error:
            raise LauncherError(
                f"this is no {cls.__name__} as its to_dict tells of it: {error!r}"
            ) from error
        if not launcher.running:
            raise NotRunning(f"{launcher.identifier} has ended")
        return launcher

    # The same for all

    @property
    def profile_dir(self) -> str:
        """The profile's folder."""
        return self.program.profile_dir

    @property
    def cluster_id(self) -> str:
        """The id of the cluster."""
        return self.program.cluster_id

    @property
    def args(self) -> list[str]:
        """The command that is run, word by word."""
        return self.program.words(self.n, self.python)

    @property
    def connection_files(self) -> dict[str, str]:
        """Where the controller's connection files are, by who needs them."""
        folder = Path(self.profile_dir)
        paths = {r: connection_file(folder, self.cluster_id, r) for r in ROLES}
        return {role: str(path) for role, path in paths.items()}

    @property
    def engine_count(self) -> int | None:
        """How many engines the options come to, where they say so."""
        if self.nodes is None or self.engines_per_node is None:
            return None
        return self.nodes * self.engines_per_node

    def options_to_dict(self) -> dict[str, Any]:
        """Return, for JSON, the options that are not what they are by default."""
        traits = self.traits(config=True)
        values = {name: getattr(self, name) for name in traits}
        return {
            name: value
            for name, value in values.items()
            if value != traits[name].default(self)
        }

    @property
    def folder(self) -> Path:
        """The folder to work in, as this process sees it."""
        return Path(self.work_dir).expanduser().absolute()

    def environment_of(self) -> dict[str, str]:
        """Return the variables that its processes have beside those of their host."""
        names = {
            "IPP_CLUSTER_ID": self.program.cluster_id,
            "IPP_PROFILE_DIR": self.program.profile_dir,
        }
        return names | name_shared(self.environment)

    def get_env(self) -> dict[str, str]:
        """Return the same."""
        return self.environment_of()

    def get_output(self, remove: bool = False) -> str:
        """Return the last lines of what its pieces wrote.

        Parameters
        ----------
        remove
            Of no effect: old logs are removed when clusters start.
        """
        lines = os.linesep.join(job.last_lines for job in self.jobs()).splitlines()
        return "\n".join(lines[-self.output_limit :] if self.output_limit else [])
