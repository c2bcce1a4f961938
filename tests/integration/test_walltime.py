"""An engine whose job has an end takes no task beyond it, and ends in good order."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from tests.commands import Running, running
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def rc() -> Iterator[Client]:
    """Start one engine that has all the time in the world."""
    with Cluster(n=1) as client:
        yield client


@pytest.fixture
def hasty(rc: Client) -> Iterator[Running]:
    """Start another one whose job ends 20 s from now."""
    cluster = rc.cluster
    command = (
        f"ipengine --profile-dir={cluster.profile_dir} "
        f"--cluster-id={cluster.cluster_id} --walltime=0:00:20"
    )
    with running(command) as engine:
        rc.wait_for_engines(2, timeout=60)
        yield engine


def once(path: str) -> int:
    """Take for ever, the first time."""
    if not Path(path).exists():
        Path(path).touch()
        time.sleep(3600)
    return os.getpid()


def test_an_engine_whose_time_is_up_ends_and_its_task_goes_elsewhere(
    rc: Client, hasty: Running, tmp_path: Path
) -> None:
    stays = rc[0].apply_sync(os.getpid)
    rc.drain(0)  # all goes to the other one
    lview = rc.load_balanced_view()
    ar = lview.apply_async(once, str(tmp_path / "begun"))
    wait_until((tmp_path / "begun").exists, what="it runs where it cannot end")
    with lview.temp_flags(time_limit=60):
        long = lview.apply_async(os.getpid)
    short = rc[1].apply_async(os.getpid)
    rc.resume(0)
    assert long.get() == stays, "it may take longer than the other engine has"
    assert ar.get() == stays, "it was begun again"
    assert hasty.wait(0)
    assert rc.ids == [0]
    error = short.exception()
    assert "ended, for its time was up" in str(error)
