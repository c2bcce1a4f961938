"""Engines that are added to a cluster which runs, as a set of its own."""

from __future__ import annotations

import logging
from pathlib import Path

from traitlets.config import Config

from ..cluster.cluster import Cluster

__all__ = ["NO_CLUSTER", "add_engines"]

#: The exit status where there is no cluster to add engines to.
NO_CLUSTER = 12


def add_engines(
    folder: Path,
    cluster_id: str,
    launcher: str,
    n: int | None,
    engine_set: str,
    config: Config,
    log: logging.Logger,
) -> int:
    """Start a set of engines that ends with its cluster; return the exit status.

    Raises
    ------
    LauncherError
        They cannot be started: why.
    """
    try:
        cluster = Cluster.from_file(
            profile_dir=str(folder), cluster_id=cluster_id, config=config
        )
    except FileNotFoundError as error:
        log.critical(
            "%s. --daemonize adds engines to a cluster that `ipcluster start` or "
            "Cluster() has started; those of an ipcontroller stay in the foreground",
            error,
        )
        return NO_CLUSTER
    cluster.engine_launcher_class = launcher
    set_id = cluster.start_engines_sync(n, engine_set or None)
    log.info(
        "%s engines are on their way, as the set %r of cluster %r: `ipcluster status` "
        "tells how they fare, and they end with the cluster",
        cluster.engines[set_id].n, set_id, cluster_id,
    )  # fmt: skip
    cluster.detach()
    return 0
