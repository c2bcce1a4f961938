"""`ipcluster start`: a cluster in the foreground, or one that stays."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from traitlets import Bool

from ..cluster.adapter import adapt_apart
from ..cluster.cluster import Cluster
from ..errors import ClusterRunning, LauncherError
from ..transport.locations import connection_file, ipython_dir
from .adapting import Bounds, bounds
from .app import BaseApp
from .launching import PLACE, launchers_in
from .options import record_flags
from .signals import Signalled, Signals

__all__ = ["ALREADY_RUNNING", "IPClusterStart"]

#: The exit status where a cluster of this profile and id runs.
ALREADY_RUNNING = 10


class IPClusterStart(BaseApp):
    """The command `ipcluster start`."""

    name = "ipcluster start"
    config_name = "ipcluster"
    description = (
        "Start a controller and engines: on this host, or elsewhere through launchers "
        "(--engines, --controller).\n\n"
        "In the foreground it stays until Ctrl-C, SIGTERM, SIGHUP or the end of the "
        "cluster; with --daemonize it returns once all engines are registered."
    )
    examples = """
ipcluster start -n 4
ipcluster start -n 4 --daemonize --profile=simulations
ipcluster start -n 2 --cluster-id=tests --ip=0.0.0.0
ipcluster start -n 2 --resources gpu=1 -- --nodb
ipcluster start -n 64 --engines=slurm --queue=main --walltime=1:00:00
ipcluster start --adapt=2:64 --engines=slurm --daemonize
"""
    daemonize = Bool(
        help="Return once all engines are registered, and leave the cluster running."
    ).tag(config=True)

    adapt = Bounds(
        help="Have from so many engines to so many, 2:64, as there is work for; so "
        "many to begin with, unless -n says it."
    ).tag(config=True)

    classes = [Cluster]  # noqa: RUF012
    aliases = {
        "n": "Cluster.n",
        "adapt": "IPClusterStart.adapt",
        "engines": "Cluster.engine_launcher_class",
        "controller": "Cluster.controller_launcher_class",
        "location": "Cluster.controller_location",
        "delay": "Cluster.delay",
        "env": "Cluster.environment",
        "ip": "Cluster.ip",
        "port": "Cluster.port",
        "transport": "Cluster.transport",
        "scheme": "Cluster.scheme",
        "hwm": "Cluster.hwm",
        "resources": "Cluster.resources",
        "labels": "Cluster.labels",
        **{name.replace("_", "-"): f"Cluster.{name}" for name in PLACE},
    } | BaseApp.aliases
    flags = {
        "daemonize": (
            {"IPClusterStart": {"daemonize": True}},
            "Return once all engines are registered, and leave the cluster running.",
        ),
        **record_flags("Cluster"),
    } | BaseApp.flags

    #: What followed `--`: arguments of `ipcontroller`.
    controller_args: list[str]

    def initialize(self, argv: list[str] | None = None) -> None:
        """Read the command line, and the configuration files of the profile."""
        words = sys.argv[1:] if argv is None else argv
        end = words.index("--") if "--" in words else len(words)
        self.controller_args = words[end + 1 :]
        self.classes = [*self.classes, *launchers_in(words[:end])]
        super().initialize(words[:end])

    def run(self, signals: Signals) -> int:
        """Start a cluster, and stay with it or leave it."""
        cluster = self._make_cluster()
        try:
            cluster.start_and_connect_sync().close()
            if not self.daemonize:
                return self._stay(cluster, signals)
            signals.settle()
            cluster.detach()
            self._tell(cluster)
            if self.adapt:
                log = adapt_apart(cluster.profile_dir, cluster.cluster_id, self.adapt)
                self.log.info("adapts to %s engines; its log is %s", self.adapt, log)
        except ClusterRunning as error:
            return self.fail(error, ALREADY_RUNNING)
        except Signalled:
            cluster.stop_cluster_sync()
            raise
        assert cluster.record is not None
        print(cluster.record.path, file=sys.stderr)
        return 0

    def _make_cluster(self) -> Cluster:
        options: dict[str, Any] = {
            "profile_dir": str(self.folder),
            "load_profile": False,  # it is part of our own
            "shutdown_atexit": not self.daemonize,
        }
        if self.cluster_id or "cluster_id" not in self.config.Cluster:
            options["cluster_id"] = self.cluster_id
        if self.controller_args:
            options["controller_args"] = self.controller_args
        cluster = Cluster(parent=self, **options)
        if self.adapt and cluster.n is None:
            cluster.n = max(1, bounds(self.adapt)[0])
        return cluster

    def _tell(self, cluster: Cluster) -> None:
        """Say what there is now, how to reach it, and how to end it."""
        folder, cluster_id = Path(cluster.profile_dir), cluster.cluster_id
        name = self.profile_name
        standard = folder == ipython_dir() / f"profile_{name}"
        arguments, words = [], ["ipcluster", "stop"]
        if not standard:
            arguments.append(f"profile_dir={str(folder)!r}")
            words.append(f"--profile-dir={folder}")
        elif name != "default":
            arguments.append(f"profile={name!r}")
            words.append(f"--profile={name}")
        if cluster_id:
            arguments.append(f"cluster_id={cluster_id!r}")
            words.append(cluster_id)
        engines = "1 engine is" if cluster.n == 1 else f"{cluster.n} engines are"
        file = connection_file(folder, cluster_id, "client")
        here = "" if self.daemonize else "Ctrl-C here, or "
        self.log.info("%s running; the connection file is %s", engines, file)
        self.log.info("to connect: parallel.Client(%s)", ", ".join(arguments))
        self.log.info("to stop: %s%s", here, shlex.join(words))

    def _stay(self, cluster: Cluster, signals: Signals) -> int:
        """Wait until it is told to end, or ends by itself; return the exit status."""
        try:
            self._tell(cluster)
            if self.adapt:
                cluster.adapt(*bounds(self.adapt))
            signals.pass_on()
            while True:
                signals.raise_if_any()
                for signum in signals.passed():
                    cluster.signal_engines_sync(signum)
                news = cluster.wait_for_news(also=[signals.fileno()])
                if news is None:
                    self.log.info("the cluster was stopped by somebody else")
                    break
                for text in news:
                    self.log.error("%s", text)
        except Signalled as ended:
            self.log.info("%s: stopping", ended)
        except LauncherError as error:
            cluster.stop_cluster_sync()
            return self.fail(error)
        cluster.stop_cluster_sync()
        self.log.info("stopped")
        return 0
