"""`ipengine`: one engine by itself, for a controller that runs somewhere."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import tokenize
import uuid
from pathlib import Path
from typing import Any

from traitlets import Bool, Dict, Float, Int, List, Unicode, default, validate

from ..aliases import Uuid
from ..cluster.launchers.amounts import seconds
from ..cluster.notice import tell_once
from ..cluster.prologue import words_of_failure
from ..cluster.ranks import Watched, watched
from ..cluster.shares import environment_of
from ..engine.engine import run_engine
from ..engine.mpi import end_process, is_first_rank, place_on_host
from ..engine.spec import RECONNECT_TIMEOUT, EngineSpec
from ..errors import EngineError, TransportError
from ..protocol.connection import ConnectionInfo
from ..protocol.messages import AgentTrouble, EngineDied
from .app import BaseApp
from .entrance import STDIN, find_controller, way_to
from .options import absolute
from .signals import Signals

__all__ = ["NOT_REGISTERED", "IPEngine", "main"]

#: The exit status where the controller does not answer, or says no.
NOT_REGISTERED = 255
#: The controller has so long to hear what is told of a rank, seconds.
TELLING = 5.0


class IPEngine(BaseApp):
    """The command `ipengine`."""

    name = "ipengine"
    config_name = "ipengine"
    description = (
        "Run an engine until SIGTERM, SIGHUP or the end of its controller.\n\n"
        "It finds the controller by a connection file, which it waits for. What the "
        "users' code prints goes to their results, its own log to stderr."
    )
    examples = """
ipengine
ipengine --profile=simulations --cluster-id=tests
ipengine --file=/shared/ipcontroller-engine.json
mpiexec -n 4 ipengine --mpi
"""
    url_file = Unicode(
        help="The connection file, or - for standard input; by default the one of the "
        "profile and cluster id."
    ).tag(config=True)
    timeout = Float(
        10.0,
        help="Seconds to wait for the connection file, and then for the controller.",
    ).tag(config=True)
    wait_for_url_file = Float(
        help="Seconds to wait for the connection file; by default the timeout."
    ).tag(config=True)

    reconnect_timeout = Float(
        RECONNECT_TIMEOUT,
        help="Seconds to wait for a controller that cannot be reached any more.",
    ).tag(config=True)

    resources = Dict(
        value_trait=Float(),
        help="What tasks may take a share of while they run: --resources gpu=1.",
    ).tag(config=True)
    labels = List(Unicode(), help="What marks this engine for tasks.").tag(config=True)
    walltime = Unicode(
        help="When its job ends, from now: H:MM:SS, or minutes. It gets no task that "
        "would take longer, and ends in good order before; by default as $IPP_UNTIL "
        "or Slurm says."
    ).tag(config=True)
    engine_set = Unicode(help="The name of the set that it belongs to.").tag(
        config=True
    )
    use_mpi = Bool(
        help="Be a rank of an MPI world: the engine's id is its rank, if that is free."
    ).tag(config=True)
    mpi_size = Int(
        0,
        min=0,
        help="How many ranks the MPI world has to have; by default as many as its "
        "starter says.",
    ).tag(config=True)

    ssh = Unicode(
        help="A host to reach the controller through, user@host:port, by a tunnel."
    ).tag(config=True)
    sshkey = Unicode(help="The file of a private key for it, if ssh needs that.").tag(
        config=True
    )

    startup_command = Unicode(
        help="Code to run in the engine's namespace before all tasks. If it fails, "
        "the engine ends."
    ).tag(config=True)
    startup_script = Unicode(
        help="A file of such code, which is run before the command."
    ).tag(config=True)

    rank_stderr = Unicode(
        help="A file for what a rank of an MPI world writes to stderr, to be read when "
        "it has died: {rank} in its name stands for the number of the rank."
    ).tag(config=True)

    aliases = {
        "file": "IPEngine.url_file",
        "c": "IPEngine.startup_command",
        "s": "IPEngine.startup_script",
        "timeout": "IPEngine.timeout",
        "ssh": "IPEngine.ssh",
        "sshkey": "IPEngine.sshkey",
        "reconnect-timeout": "IPEngine.reconnect_timeout",
        "resources": "IPEngine.resources",
        "labels": "IPEngine.labels",
        "walltime": "IPEngine.walltime",
        "engine-set": "IPEngine.engine_set",
        "mpi-size": "IPEngine.mpi_size",
        "rank-stderr": "IPEngine.rank_stderr",
    } | BaseApp.aliases
    flags = {
        "mpi": (
            {"IPEngine": {"use_mpi": True}},
            "Be a rank of an MPI world, as mpiexec starts them.",
        ),
    } | BaseApp.flags

    @validate("url_file")
    def _make_file_absolute(self, proposal: Any) -> str:
        file: str = proposal["value"]
        return file if file == STDIN else absolute(file)

    @validate("startup_script")
    def _make_script_absolute(self, proposal: Any) -> str:
        return absolute(proposal["value"])

    @default("wait_for_url_file")
    def _wait_as_for_all(self) -> float:
        return self.timeout

    def run(self, signals: Signals) -> int:
        """Run an engine until it is told to end."""
        info = find_controller(
            self.folder, self.cluster_id, self.url_file, self.wait_for_url_file
        )
        watch = None
        if self.use_mpi:  # a rank has no agent that would share them out, and watch it
            os.environ.update(environment_of(os.environ, place_on_host(os.environ)))
            watch = self._watch(info)
        try:
            with way_to(info, self.ssh, self.sshkey, self.timeout) as way:
                self._work(way, watch)
        except TransportError as error:
            return self.fail(error, NOT_REGISTERED)
        except (EngineError, OSError, SyntaxError) as error:
            return self.fail(error)
        self.log.info("stopped")
        return 0

    def _watch(self, info: ConnectionInfo) -> Watched | None:
        """Have this process watched, where that can be done; return what is shared."""
        failure = words_of_failure(os.environ)
        if sys.platform != "linux":
            return None

        def tell(agent: Uuid, message: EngineDied | AgentTrouble) -> None:
            with way_to(info, self.ssh, self.sshkey, TELLING) as way:
                tell_once(way, agent, message, TELLING)

        notice = failure if is_first_rank(os.environ) else ""
        return watched(self.rank_stderr, tell, notice)

    def _work(self, info: ConnectionInfo, watch: Watched | None = None) -> None:
        """Be an engine of the controller that is reached so, to the end."""
        if (folder := str(Path.cwd())) not in sys.path:  # its modules are for tasks
            sys.path.append(folder)
        shared = {} if watch is None else watch._asdict()
        spec = EngineSpec(
            info=info,
            **{"uuid": uuid.uuid4().bytes, **shared},
            timeout=self.timeout,
            resources=self.resources,
            labels=self.labels,
            reconnect_timeout=self.reconnect_timeout,
            walltime=seconds(self.walltime) if self.walltime else 0,
            engine_set=self.engine_set,
            mpi_size=self.mpi_size if self.use_mpi else None,
            rank_stderr=self.rank_stderr,
            startup=self._startup(),
        )
        self.log.info("registering with %s (pid %s)", info.where, os.getpid())
        run_engine(spec)

    def _startup(self) -> dict[str, str]:
        """Return the code that comes before all tasks, by the names of its files."""
        found = {}
        if self.startup_script:
            with tokenize.open(self.startup_script) as script:
                found[self.startup_script] = script.read()
        if self.startup_command:
            found["<startup_command>"] = self.startup_command
        return found

    def leave(self, status: int) -> None:
        """End this process, also if the users' code left threads behind."""
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # users may have put anything there
                stream.flush()
        end_process(status)


def main(argv: list[str] | None = None) -> None:
    """Be `ipengine`."""
    IPEngine.main(argv)
