"""All clusters of a user, found by their files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from traitlets import TraitError

from ..transport.locations import ipython_dir, profile_dir
from .cluster import Cluster
from .launches import is_there
from .records import ClusterRecord, profile_folders, read_record

__all__ = ["ClusterManager", "records_there"]

log = logging.getLogger("parallel.cluster")


class ClusterManager:
    """The clusters of a user, by name: `<profile or its folder>:<cluster id>`.

    Parameters
    ----------
    options
        Of no effect; ipyparallel's take a log and a configuration.
    """

    def __init__(self, **options: Any) -> None:
        #: Those that are known, running or not.
        self.clusters: dict[str, Cluster] = {}
        #: Those that were found by their files.
        self._found: set[str] = set()

    def load_clusters(
        self,
        *,
        profile_dirs: Iterable[str | Path] | None = None,
        profile_dir: str | Path | None = None,
        profiles: Iterable[str] | None = None,
        profile: str | None = None,
        init_default_clusters: bool = False,
    ) -> dict[str, Cluster]:
        """Find the running clusters; return all that are known.

        Parameters
        ----------
        profile_dirs, profile_dir, profiles, profile
            Where to look; by default in all profiles.
        init_default_clusters
            Have the cluster without an id of each profile, also if it does not run.
        """
        folders = _folders(profile_dirs, profile_dir, profiles, profile)
        for key in list(self._found):
            if Path(self.clusters[key].profile_dir) in folders:
                self.remove_cluster(key)  # it may have stopped
        for folder in folders:
            for record in records_there(folder):
                cluster = _found_again(record)
                key = self._key(cluster)
                if key not in self.clusters:
                    self.clusters[key] = cluster
                    self._found.add(key)
            if init_default_clusters:
                key = _key(folder, "")
                if key not in self.clusters:
                    self.clusters[key] = Cluster(profile_dir=str(folder), cluster_id="")
        return self.clusters

    def new_cluster(self, **options: Any) -> tuple[str, Cluster]:
        """Make a cluster, which is not started; return its key and itself.

        Raises
        ------
        KeyError
            There is one of that profile and id.
        """
        cluster = Cluster(**options)
        key = self._key(cluster)
        if key in self.clusters:
            raise KeyError(f"there is a cluster {key!r} already")
        self.clusters[key] = cluster
        return key, cluster

    def get_cluster(self, key: str) -> Cluster:
        """Return a cluster.

        Raises
        ------
        KeyError
            There is none of that key.
        """
        return self.clusters[self._known(key)]

    def remove_cluster(self, key: str) -> None:
        """Forget a cluster; it goes on if it runs.

        Raises
        ------
        KeyError
            There is none of that key.
        """
        del self.clusters[self._known(key)]
        self._found.discard(key)

    def _known(self, key: str) -> str:
        if key not in self.clusters:
            there = ", ".join(map(repr, self.clusters)) or "none"
            raise KeyError(f"no cluster {key!r}; there are {there}")
        return key

    def _key(self, cluster: Cluster) -> str:
        return _key(Path(cluster.profile_dir), cluster.cluster_id)


def _found_again(record: ClusterRecord) -> Cluster:
    """Return a cluster that runs, whatever its profile says by now."""
    try:
        return Cluster.from_record(record)
    except TraitError as error:
        log.warning("goes on without a configuration file: %s", error)
        return Cluster.from_record(record, load_profile=False)


def records_there(folder: Path) -> list[ClusterRecord]:
    """Return the clusters of a profile that run; files of dead ones are removed."""
    found = []
    for path in sorted((folder / "security").glob("cluster-*.json")):
        record = read_record(path)
        if record is None:
            continue
        if is_there(record):
            found.append(record)
        else:
            record.remove()
    return found


def _key(folder: Path, cluster_id: str) -> str:
    name = folder.name.removeprefix("profile_")
    is_named = folder == ipython_dir() / f"profile_{name}"
    return f"{name if is_named else folder}:{cluster_id}"


def _folders(
    folders: Iterable[str | Path] | None,
    folder: str | Path | None,
    names: Iterable[str] | None,
    name: str | None,
) -> list[Path]:
    given = [*(folders or ()), *([folder] if folder else [])]
    named = [*(names or ()), *([name] if name else [])]
    if not given and not named:
        return profile_folders()
    found = [profile_dir(folder=each) for each in given]
    return found + [profile_dir(each) for each in named]
