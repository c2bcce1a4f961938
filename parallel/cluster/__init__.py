"""Processes: where they are started, watched and stopped."""

from __future__ import annotations

from typing import Any

#: What users find here, too; it is imported when it is asked for.
_NAMES = {
    "Cluster": "cluster",
    "ClusterManager": "manager",
    "clean_cluster_files": "cleaning",
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
