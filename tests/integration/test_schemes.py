"""Whatever the scheme, a cluster goes on when an engine leaves or dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from parallel import Cluster, EngineError
from parallel.state.policies import SCHEMES
from tests.integration.soon import SOON
from tests.integration.tasks import add, begin_and_wait_for, notes
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


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_death_of_an_engine_costs_its_direct_tasks_only(
    scheme: str, gate: Path, begun: Path
) -> None:
    with Cluster(n=2, scheme=scheme) as rc:
        lview = rc.load_balanced_view()
        dead, other = rc[:].apply_sync(os.getpid)
        held = [
            rc[i].apply_async(begin_and_wait_for, str(begun), str(gate)) for i in (0, 1)
        ]
        wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
        behind = rc[0].apply_async(add, 1)
        ars = [lview.apply_async(add, i) for i in range(40)]
        os.kill(dead, signal.SIGKILL)
        for lost in (held[0], behind):
            assert isinstance(lost.exception(SOON), EngineError)
        gate.touch()
        assert [ar.get(SOON) for ar in ars] == [*range(1, 41)]
        assert held[1].get(SOON) == other
        rc.wait_for_engines(2, timeout=SOON)
        assert rc.ids == [1, 2]
        assert lview.map_sync(add, range(20), chunksize=1) == [*range(1, 21)]
