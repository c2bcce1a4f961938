"""`ipcluster scale`: more engines, or fewer, for a cluster that runs."""

from __future__ import annotations

from traitlets import Float, Int

from ..cluster.cluster import Cluster
from ..errors import LauncherError, TimeoutError, TransportError
from .adapting import Bounds, adapt_here
from .app import BaseApp
from .signals import Signals
from .stop import NO_SUCH_CLUSTER

__all__ = ["IPClusterScale"]


class IPClusterScale(BaseApp):
    """The command `ipcluster scale`."""

    name = "ipcluster scale"
    config_name = "ipcluster"
    takes_words = True
    description = (
        "Have a running cluster have so many engines: start more, or let those go that "
        "have least to do. These finish what they have started; what waits goes to "
        "others. It returns when they are gone; more of them may still be on their "
        "way.\n\n"
        "The word is a cluster id; without, it is the cluster without an id."
    )
    examples = """
ipcluster scale -n 8
ipcluster scale -n 2 tests --profile=simulations
ipcluster scale --adapt=2:64
"""
    n = Int(None, allow_none=True, min=0, help="How many engines, all together.").tag(
        config=True
    )
    timeout = Float(
        None,
        allow_none=True,
        min=0,
        help="Seconds to wait for those that go; by default as long as their tasks "
        "take. They go later then.",
    ).tag(config=True)

    adapt = Bounds(
        help="Have from so many engines to so many, 2:64, as there is work for, from "
        "now on until Ctrl-C or the end of the cluster."
    ).tag(config=True)

    aliases = {
        "adapt": "IPClusterScale.adapt",
        "n": "IPClusterScale.n",
        "timeout": "IPClusterScale.timeout",
    } | BaseApp.aliases

    def run(self, signals: Signals) -> int:
        """Scale the cluster that is meant."""
        if (self.n is None) == (not self.adapt) or len(self.extra_args) > 1:
            words = "how many engines, and of which cluster? -n 4 [id], or --adapt=2:64"
            return self.fail(LauncherError(words))
        (cluster_id,) = self.extra_args or [self.cluster_id]
        try:
            cluster = Cluster.from_file(
                profile_dir=str(self.folder), cluster_id=cluster_id
            )
        except FileNotFoundError as error:
            return self.fail(error, NO_SUCH_CLUSTER)
        except LauncherError as error:
            return self.fail(error)
        if self.adapt:
            return self._adapt(cluster, signals)
        assert self.n is not None
        before = sum(cluster.asked().values())
        try:
            cluster.scale_sync(self.n, timeout=self.timeout)
        except (LauncherError, TimeoutError, TransportError, ValueError) as error:
            return self.fail(error)
        self.log.info(
            "cluster %r of profile %r had %s engines, and is to have %s",
            cluster_id, self.profile_name, before, self.n,
        )  # fmt: skip
        return 0

    def _adapt(self, cluster: Cluster, signals: Signals) -> int:
        name = f"cluster {cluster.cluster_id!r} of profile {self.profile_name!r}"
        self.log.info("%s has as many engines as it needs: %s", name, self.adapt)
        runs = adapt_here(cluster, self.adapt, signals)
        self.log.info("%s", f"{name} keeps what it has" if runs else f"{name} ended")
        return 0
