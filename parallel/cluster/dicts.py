"""A cluster as a dict for JSON, in the shape that programs of ipyparallel know."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import LauncherError
from .records import ClusterRecord, LaunchRecord

__all__ = ["describe", "dict_of", "record_from"]

#: What a record says of a controller that an agent keeps up.
_OF_AGENT = (
    "runtime_dir", "host", "pid", "started", "born", "urls", "controller",
    "controller_started", "epoch",
)  # fmt: skip


def describe(record: ClusterRecord) -> dict[str, Any]:
    """Return what a running cluster was made with, as far as its file says it."""
    known = {"cluster_id": record.cluster_id, "profile_dir": record.profile_dir}
    return {**record.options, **known, "n": record.n}


def dict_of(record: ClusterRecord | None, cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Return what finds a cluster again, for JSON.

    Parameters
    ----------
    record
        What its file says; None if it does not run.
    cluster
        What it was made with.
    """
    found: dict[str, Any] = {"cluster": dict(cluster)}
    if record is None:
        return found
    facts = msgspec.to_builtins(record)
    elsewhere = facts["elsewhere"] or {"class": "local", "state": {}}
    state = {**elsewhere["state"], **{name: facts[name] for name in _OF_AGENT}}
    found["controller"] = {**elsewhere, "state": state}
    if facts["sets"]:
        classes = {each["class"] for each in facts["sets"].values()}
        names = ", ".join(sorted(classes))
        found["engines"] = {"class": names, "sets": facts["sets"]}
    return found


def record_from(described: Mapping[str, Any]) -> ClusterRecord | None:
    """Return the record that a dict tells of; None if its cluster did not run.

    Raises
    ------
    LauncherError
        It is not what `Cluster.to_dict` returns.
    """
    if "controller" not in described:
        return None
    try:
        cluster, controller = described["cluster"], described["controller"]
        state = dict(controller["state"])
        facts = {name: state.pop(name) for name in _OF_AGENT if name in state}
        elsewhere = None
        if not facts.get("pid"):
            elsewhere = msgspec.convert({**controller, "state": state}, LaunchRecord)
        sets = described.get("engines", {}).get("sets", {})
        return msgspec.convert(
            {
                "host": socket.gethostname(),
                "runtime_dir": "",
                "pid": 0,
                "started": 0,
                "n": sum(each.get("n") or 0 for each in sets.values()),
                **facts,
                "cluster_id": cluster["cluster_id"],
                "profile_dir": cluster["profile_dir"],
                "sets": sets,
                "elsewhere": msgspec.to_builtins(elsewhere),
            },
            ClusterRecord,
        )
    except (KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise LauncherError(
            f"this is no cluster as Cluster.to_dict tells of it: {error!r}"
        ) from error
