"""`ipcluster stop`: ends clusters that run, by their files."""

from __future__ import annotations

from traitlets import Bool

from ..cluster.cluster import Cluster
from ..cluster.lastrun import last_runs
from ..cluster.launches import is_there
from ..cluster.manager import records_there
from ..cluster.records import ClusterRecord, read_record
from ..errors import LauncherError
from ..transport.locations import cluster_file
from .app import BaseApp
from .running import say_what_runs
from .signals import Signals

__all__ = ["NO_SUCH_CLUSTER", "IPClusterStop"]

#: The exit status where there is no cluster to stop.
NO_SUCH_CLUSTER = 11


class IPClusterStop(BaseApp):
    """The command `ipcluster stop`."""

    name = "ipcluster stop"
    config_name = "ipcluster"
    needs_config = False
    takes_words = True
    description = (
        "Stop running clusters of a profile, and return once all their processes are "
        "gone.\n\n"
        "The words are cluster ids; without any, it is the cluster without an id."
    )
    examples = """
ipcluster stop
ipcluster stop tests --profile=simulations
ipcluster stop --all
"""
    stop_all = Bool(help="Stop all clusters of the profile.").tag(config=True)

    flags = {
        "all": (
            {"IPClusterStop": {"stop_all": True}},
            "Stop all clusters of the profile; also if there is none, that is well.",
        ),
    } | BaseApp.flags

    def run(self, signals: Signals) -> int:
        """Stop the clusters that are meant."""
        if self.stop_all:
            records = records_there(self.folder)
            if not records:
                self.log.info("no cluster of profile %r is running", self.profile_name)
            return max([self._stop(record) for record in records], default=0)
        ids = self.extra_args or [self.cluster_id]
        return max([self._stop_by_id(cluster_id) for cluster_id in ids])

    def _stop_by_id(self, cluster_id: str) -> int:
        path = cluster_file(self.folder, cluster_id)
        try:
            record = read_record(path, strict=True)
        except LauncherError as error:
            return self.fail(error)
        if record is not None and is_there(record):
            return self._stop(record)
        if record is not None:
            record.remove()
        for last in last_runs(self.folder, [cluster_id]):
            self.log.critical(
                "the controller of cluster %r was started by hand, and is ended so: by "
                "Ctrl-C, or `kill %s`; its engines end with it",
                cluster_id,
                last.pid,
            )
            return NO_SUCH_CLUSTER
        self.log.critical(
            "no cluster %r of profile %r is running: there is no %s; %s",
            cluster_id,
            self.profile_name,
            path,
            say_what_runs(self.ipython_dir),
        )
        return NO_SUCH_CLUSTER

    def _stop(self, record: ClusterRecord) -> int:
        try:
            # What starts clusters may be wrong by now: its file has what ends this one.
            Cluster.from_record(record, load_profile=False).stop_cluster_sync()
        except LauncherError as error:
            return self.fail(error)
        self.log.info(
            "stopped cluster %r of profile %r", record.cluster_id, self.profile_name
        )
        return 0
