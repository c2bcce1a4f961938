"""The clusters of a user as a server offers them: listed, made, started, stopped."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from traitlets import TraitError

from ..cluster.cluster import Cluster
from ..cluster.manager import ClusterManager
from ..cluster.profiles import shipped_profiles
from ..cluster.records import profile_folders
from ..errors import ClusterRunning, ParallelError

__all__ = ["Clusters", "Refused"]

#: The key of the cluster that `ipcluster start` makes.
DEFAULT = "default:"

#: What a request may leave empty as well as out.
OPTIONAL = ("profile", "cluster_id", "n")


class Refused(Exception):
    """Raised for a request that cannot be done: the status of HTTP, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Clusters:
    """The clusters of a user, by key.

    Those that are started here end with this process, unless their options say
    `shutdown_atexit: false`. Those that were found by their files, it leaves alone.
    """

    def __init__(self) -> None:
        self._manager = ClusterManager()
        #: The keys of those that are being started or stopped.
        self._changing: set[str] = set()

    # What is asked

    def all(self) -> list[dict[str, Any]]:
        """Return what there is to know of each: those that run first."""
        models = [_model(key, cluster) for key, cluster in self._find().items()]
        return sorted(models, key=_order)

    def one(self, key: str) -> dict[str, Any]:
        """Return what there is to know of a cluster."""
        return _model(key, self._known(key))

    def make(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Make a cluster, which is not started; return what there is to know of it.

        Parameters
        ----------
        options
            Those of `Cluster`. A profile's name may be the path of its folder.

        Raises
        ------
        Refused
            There is one of that key, no such profile, or an option is no good.
        """
        given = {
            name: value
            for name, value in options.items()
            if name not in OPTIONAL or value not in (None, "")
        }
        _check_n(given.get("n"))
        _name_folder(given)
        if "cluster_id" not in given and not self._has_default(given):
            given["cluster_id"] = ""
        try:
            key, cluster = self._manager.new_cluster(**given)
        except KeyError as error:
            raise Refused(HTTPStatus.CONFLICT, str(error.args[0])) from error
        except (TypeError, ValueError, TraitError, ParallelError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        return _model(key, cluster)

    async def start(self, key: str, n: Any = None) -> dict[str, Any]:
        """Start a cluster; return what there is to know of it.

        Engines may still be on their way.

        Raises
        ------
        Refused
            There is none of that key, it runs already, or it cannot be started.
        """
        _check_n(n)
        cluster = self._known(key)
        with self._alone(key):
            try:
                if cluster.controller is not None and not cluster.is_kept():
                    await cluster.stop_cluster()  # somebody else has: take note
                await cluster.start_cluster(n)
            except ClusterRunning as error:
                raise Refused(HTTPStatus.CONFLICT, str(error)) from error
            except (ParallelError, OSError, TraitError, TypeError) as error:
                why = f"cluster {key!r} cannot be started: {error}"
                raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, why) from error
        return _model(key, cluster)

    async def stop(self, key: str) -> None:
        """Stop a cluster if it runs, and forget it.

        Raises
        ------
        Refused
            There is none of that key, or not all of it could be stopped.
        """
        cluster = self._known(key)
        with self._alone(key):
            try:
                await cluster.stop_cluster()
            except ParallelError as error:
                why = f"cluster {key!r} cannot be stopped: {error}"
                raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, why) from error
        with contextlib.suppress(KeyError):  # it was found, and is gone
            self._manager.remove_cluster(key)

    # What it takes

    def _find(self) -> dict[str, Cluster]:
        """Return all that are known, those that others have started since included."""
        known = self._manager.load_clusters(init_default_clusters=True)
        if DEFAULT not in known:  # nobody has used that profile so far
            self._manager.new_cluster(profile="default", cluster_id="")
        return known

    def _known(self, key: str) -> Cluster:
        if key not in self._changing:  # or it would be found a second time
            self._find()
        try:
            return self._manager.get_cluster(key)
        except KeyError as error:
            raise Refused(HTTPStatus.NOT_FOUND, str(error.args[0])) from error

    @contextlib.contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """See that a cluster is changed by one request at a time."""
        if key in self._changing:
            why = f"cluster {key!r} is being started or stopped: wait for that"
            raise Refused(HTTPStatus.CONFLICT, why)
        self._changing.add(key)
        try:
            yield
        finally:
            self._changing.discard(key)

    def _has_default(self, given: Mapping[str, Any]) -> bool:
        """Tell whether the cluster without an id of a profile is known."""
        place = {k: given[k] for k in ("profile", "profile_dir") if k in given}
        default = Cluster(cluster_id="", load_profile=False, **place)
        known = self._manager.clusters.values()
        return any(each.cluster_file == default.cluster_file for each in known)


def _check_n(n: Any) -> None:
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
        why = f"n is a whole number of engines, from 1, not {n!r}"
        raise Refused(HTTPStatus.BAD_REQUEST, why)


def _name_folder(given: dict[str, Any]) -> None:
    """Take a path that is given as a profile's name for its folder; see that it is."""
    profile = given.get("profile")
    if profile is not None and not isinstance(profile, str):
        why = f"profile is a name, or the path of a folder, not {profile!r}"
        raise Refused(HTTPStatus.BAD_REQUEST, why)
    if profile and os.path.sep in profile:
        given["profile_dir"] = given.pop("profile")
    folder = given.get("profile_dir")
    if folder is not None and not Path(str(folder)).expanduser().is_dir():
        why = f"there is no folder {str(folder)!r} with a profile"
        raise Refused(HTTPStatus.NOT_FOUND, why)
    names = {path.name.removeprefix("profile_") for path in profile_folders()}
    names |= {"default", *shipped_profiles()}
    if "profile" in given and given["profile"] not in names:
        why = f"there is no profile {profile!r}; there are {', '.join(sorted(names))}"
        raise Refused(HTTPStatus.NOT_FOUND, why)


def _model(key: str, cluster: Cluster) -> dict[str, Any]:
    """Return a cluster as JSON, in the shape that ipyparallel's clients know."""
    told = cluster.to_dict()
    if cluster.controller is not None and not cluster.is_kept():
        told.pop("controller", None)  # somebody else has stopped it
        told.pop("engines", None)
    folder = Path(cluster.profile_dir)
    name = folder.name.removeprefix("profile_")
    told["cluster"]["profile"] = name if folder in profile_folders() else str(folder)
    engines = {"class": "", "sets": {}, **told.get("engines", {})}
    engines["n"] = sum(each.get("n") or 0 for each in engines["sets"].values())
    return {**told, "engines": engines, "id": key, "cluster_file": cluster.cluster_file}


def _order(model: Mapping[str, Any]) -> tuple[Any, ...]:
    """Sort those that run first, then the default profile and the default clusters."""
    profile = model["cluster"]["profile"]
    cluster_id = model["cluster"]["cluster_id"]
    return (
        "controller" not in model,
        profile != "default",
        cluster_id != "",
        profile,
        cluster_id,
    )
