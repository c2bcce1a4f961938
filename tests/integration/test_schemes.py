"""A cluster with a scheme of its own goes on when an engine leaves."""

from __future__ import annotations

import os

import pytest

from parallel import Cluster
from tests.integration.tasks import add
from tests.waiting import wait_until


@pytest.mark.slow
def test_a_pure_cluster_goes_on_when_an_engine_leaves() -> None:
    with Cluster(n=2, scheme="pure") as rc:
        lview = rc.load_balanced_view()
        assert (
            len(set(lview.map_sync(lambda _: os.getpid(), range(8), chunksize=1))) == 2
        )
        rc.shutdown(targets=[0], block=True)
        wait_until(lambda: rc.ids == [1], what="departure")
        with lview.temp_flags(targets=1, retries=1, timeout=20):
            assert lview.apply_sync(add, 1) == 2
        assert lview.map_sync(add, range(20), chunksize=1) == [*range(1, 21)]
