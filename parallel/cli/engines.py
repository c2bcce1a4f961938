"""`ipcluster engines`: engines of this host, for a controller that runs somewhere."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from traitlets import Bool, Enum, Float, Int, List, Unicode, default, validate

from ..cluster.allocation import usable_cores, warn_of_a_crowd
from ..cluster.engines import EnginesSpec
from ..cluster.hostagent import HostAgent, HostSpec
from ..cluster.launchers.launcher import Launcher
from ..cluster.prologue import words_of_failure
from ..cluster.resources import Resources, words_of
from ..cluster.shares import environment_of
from ..engine.spec import RECONNECT_TIMEOUT
from ..errors import ControllerUnreachable, LauncherError
from ..transport.locations import make_profile
from .addition import add_engines
from .app import BaseApp
from .engine import NOT_REGISTERED
from .entrance import STDIN, find_controller, server_for
from .launching import PLACE, launchers_in, make_launcher, stay_with
from .options import absolute
from .signals import Signalled, Signals

__all__ = ["IPClusterEngines"]


class IPClusterEngines(BaseApp):
    """The command `ipcluster engines`."""

    name = "ipcluster engines"
    config_name = "ipcluster"
    description = (
        "Start engines on this host, for a controller that runs here or elsewhere, and "
        "keep them up until SIGTERM, SIGINT, SIGHUP or the end of the controller. With "
        "--engines=slurm, say, they are started by that launcher instead.\n\n"
        "The controller is found by a connection file, which is waited for."
    )
    examples = """
ipcluster engines -n 4
ipcluster engines -n 4 --engines=slurm --daemonize
ipcluster engines -n 4 --file=/shared/ipcontroller-engine.json
ssh host ipcluster engines -n 4 --file=- < ipcontroller-engine.json
ipcluster engines -n 4 --file=ipcontroller-engine.json --ssh=me@login.example.org
ipcluster engines -n 64 --engines=slurm --queue=main --walltime=1:00:00
"""
    classes = [Launcher]  # noqa: RUF012
    engine_launcher_class = Unicode(
        "local", help="What starts them: this host, or a launcher such as slurm."
    ).tag(config=True)
    n = Int(
        None,
        allow_none=True,
        min=1,
        help="Engines; by default one for each core that may be used here.",
    ).tag(config=True)
    url_file = Unicode(
        help="The connection file, or - for standard input; by default the one of the "
        "profile and cluster id."
    ).tag(config=True)
    daemonize = Bool(help="Add them to the cluster that runs, and return at once.").tag(
        config=True
    )
    engine_set = Unicode(help="The name of the set that they belong to.").tag(
        config=True
    )
    timeout = Float(
        60.0, min=0, help="Seconds to wait for the file, and then for the controller."
    ).tag(config=True)
    reconnect_timeout = Float(
        RECONNECT_TIMEOUT,
        min=0,
        help="Seconds to wait for a controller that cannot be reached any more.",
    ).tag(config=True)
    ssh = Unicode(
        help="A host to reach the controller through, user@host:port, by one tunnel "
        "for all engines; by default what the connection file says."
    ).tag(config=True)
    sshkey = Unicode(help="The file of a private key for it, if ssh needs that.").tag(
        config=True
    )
    resources = Resources(
        help="What tasks may take a share of, of each engine: --resources gpu=1. Or a "
        "list, from engine to engine.",
    ).tag(config=True)
    labels = List(Unicode(), help="What marks the engines for tasks.").tag(config=True)
    start_method = Enum(
        ["fork", "spawn"],
        help="How engines are made: from one warm process, or each from nothing.",
    ).tag(config=True)

    aliases = {
        "n": "IPClusterEngines.n",
        "engines": "IPClusterEngines.engine_launcher_class",
        **{name.replace("_", "-"): f"Launcher.{name}" for name in PLACE},
        "env": "Launcher.environment",
        "file": "IPClusterEngines.url_file",
        "engine-set": "IPClusterEngines.engine_set",
        "timeout": "IPClusterEngines.timeout",
        "ssh": "IPClusterEngines.ssh",
        "sshkey": "IPClusterEngines.sshkey",
        "reconnect-timeout": "IPClusterEngines.reconnect_timeout",
        "resources": "IPClusterEngines.resources",
        "labels": "IPClusterEngines.labels",
    } | BaseApp.aliases

    flags = {
        "daemonize": (
            {"IPClusterEngines": {"daemonize": True}},
            "Add them to the cluster that runs, and return at once.",
        ),
    } | BaseApp.flags

    @default("start_method")
    def _choose_start_method(self) -> str:
        return "fork" if sys.platform == "linux" else "spawn"

    @validate("url_file")
    def _make_file_absolute(self, proposal: Any) -> str:
        file: str = proposal["value"]
        return file if file == STDIN else absolute(file)

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read the command line, and the configuration files of the profile."""
        words = sys.argv[1:] if argv is None else argv
        self.classes = [*self.classes, *launchers_in(words)]
        super().initialize(argv)

    def run(self, signals: Signals) -> int:
        """Keep engines up until they are told to end."""
        folder = make_profile(self.folder)
        if self.daemonize:
            return add_engines(
                folder, self.cluster_id, self.engine_launcher_class, self.n,
                self.engine_set, self.config, self.log,
            )  # fmt: skip
        if self.engine_launcher_class.lower() != "local":
            return self._launch(folder, signals)
        for option in self.cli_config.get("Launcher", {}):
            raise LauncherError(
                f"--{option.replace('_', '-')} is for a launcher: --engines= says which"
            )
        info = find_controller(folder, self.cluster_id, self.url_file, self.timeout)
        n = usable_cores() if self.n is None else self.n
        warn_of_a_crowd(n)
        names = {"IPP_CLUSTER_ID": self.cluster_id, "IPP_PROFILE_DIR": str(folder)}
        engines = EnginesSpec(
            n=n,
            environment=[names | environment_of(os.environ, i) for i in range(n)],
            resources=self.resources,
            labels=self.labels,
            sys_path=[str(Path.cwd())],
            engine_set=self.engine_set,
        )
        spec = HostSpec(
            info=info,
            profile_dir=str(folder),
            cluster_id=self.cluster_id,
            start_method=self.start_method,
            timeout=self.timeout,
            reconnect_timeout=self.reconnect_timeout,
            server=server_for(info, self.ssh),
            key=self.sshkey,
            engines=engines,
            notice=words_of_failure(os.environ),
        )
        agent = HostAgent(spec)
        signals.raise_if_any()
        signals.restore()  # from here on they are the agent's
        self.log.info("%d engines for %s (pid %s)", n, info.urls[0], os.getpid())
        try:
            agent.run()
        except ControllerUnreachable as error:
            return self.fail(error, NOT_REGISTERED)
        self.log.info("stopped")
        return 0

    def _launch(self, folder: Path, signals: Signals) -> int:
        """Have a launcher start them, and stay until they have ended."""
        if self.url_file == STDIN:
            raise LauncherError(
                "engines of a launcher need a file, and --file=- is none"
            )
        options = {"file": self.url_file, "ssh": self.ssh, "sshkey": self.sshkey}
        arguments = [f"--{name}={value}" for name, value in options.items() if value]
        arguments += words_of(self.resources, self.labels)
        launcher = make_launcher(
            self.engine_launcher_class,
            profile_dir=str(folder),
            cluster_id=self.cluster_id,
            set_id=self.engine_set or str(int(time.time())),
            arguments=arguments,
            parent=self,
        )
        try:
            stay_with(launcher, self.n, signals)
        except Signalled as ended:
            self.log.info("%s: stopped", ended)
        return 0
