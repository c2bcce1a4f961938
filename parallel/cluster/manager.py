"""All clusters of all profiles at once: not there yet, and said so."""

from __future__ import annotations

from typing import Any

from ..errors import NotAvailable

__all__ = ["ClusterManager"]


class ClusterManager:
    """The clusters of a user, by name.

    Raises
    ------
    NotAvailable
        This release has none.
    """

    def __init__(self, **kwargs: Any) -> None:
        raise NotAvailable(
            "this release has no ClusterManager yet: `ipcluster list` shows the "
            "clusters, and Client(cluster_id=…, profile=…) connects to one"
        )
