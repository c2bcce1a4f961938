"""A cluster grows and shrinks while it works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster, LauncherError, TimeoutError
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def rc() -> Iterator[Client]:
    """Start two engines for each test."""
    with Cluster(n=2) as client:
        yield client


def scale(rc: Client, n: int) -> None:
    """Have a cluster keep so many engines."""
    rc.cluster.scale_sync(n, timeout=60)


def hold(path: str) -> int:
    """Work until a file is there; another one says that the work has begun."""
    Path(f"{path}-{os.getpid()}").touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return os.getpid()


def test_a_cluster_grows(rc: Client) -> None:
    scale(rc, 4)
    rc.wait_for_engines(4, timeout=30)
    assert rc.ids == [0, 1, 2, 3]
    assert len(set(rc[:].apply_sync(os.getpid))) == 4


def test_a_cluster_shrinks_by_those_that_have_least_to_do(
    rc: Client, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    ar = rc[1].apply_async(hold, str(go))
    wait_until(lambda: list(tmp_path.iterdir()), what="engine 1 is at work")
    scale(rc, 1)
    assert rc.ids == [1]
    go.touch()
    assert ar.get() == rc[1].apply_sync(os.getpid)


def test_what_runs_on_those_that_leave_is_done(rc: Client, tmp_path: Path) -> None:
    go = tmp_path / "go"
    lview = rc.load_balanced_view()
    ars = [lview.apply_async(hold, str(go)) for _ in range(2)]
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2, what="both are at work")
    asked = rc._connection.questions.request("scale", n=1)
    wait_until(lambda: len(rc.ids) == 1, what="one leaves")
    assert not asked.done()
    go.touch()
    assert len({ar.get() for ar in ars}) == 2
    rc._connection.wait(asked.done, None, 30)
    assert asked.result() is None
    assert lview.apply_sync(os.getpid) in {ar.get() for ar in ars}


def test_a_cluster_that_shrinks_and_grows_at_once_has_as_many_as_were_asked_last(
    rc: Client, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    lview = rc.load_balanced_view()
    ars = [lview.apply_async(hold, str(go)) for _ in range(2)]
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2, what="both are at work")
    asked = rc._connection.questions.request("scale", n=1)
    wait_until(lambda: len(rc.ids) == 1, what="one leaves")
    scale(rc, 3)
    rc.wait_for_engines(3, timeout=30)
    go.touch()
    assert len({ar.get() for ar in ars}) == 2
    rc._connection.wait(asked.done, None, 30)
    assert len(rc.ids) == 3


def test_a_cluster_may_have_no_engine_for_a_while(rc: Client) -> None:
    scale(rc, 0)
    assert rc.ids == []
    ar = rc.load_balanced_view().apply_async(os.getpid)
    scale(rc, 1)
    assert ar.get() > 0


def test_engines_that_have_not_registered_leave_first(rc: Client) -> None:
    pids = rc[:].apply_sync(os.getpid)
    more = rc._connection.questions.request("scale", n=8)
    scale(rc, 2)
    assert more.result(30) is None
    wait_until(lambda: len(rc._inquire("processes")) == 2, what="two are left")
    wait_until(lambda: len(rc.ids) == 2, what="news that the others have left")
    assert len(pids) == 2


def test_one_that_dies_is_replaced_however_many_there_are_by_now(rc: Client) -> None:
    scale(rc, 3)
    rc.wait_for_engines(3, timeout=30)
    scale(rc, 2)
    os.kill(rc[rc.ids[-1]].apply_sync(os.getpid), signal.SIGKILL)
    wait_until(lambda: max(rc.ids) >= 3 and len(rc.ids) == 2, what="another one")


def test_nonsense_is_refused(rc: Client) -> None:
    with pytest.raises(ValueError, match="n=-1"):
        scale(rc, -1)
    with pytest.raises(LauncherError, match="start_controller"):
        Cluster(n=1).scale_sync(2)


def test_another_process_scales_it_by_its_file(rc: Client) -> None:
    mine = rc.cluster
    other = Cluster.from_file(profile_dir=mine.profile_dir, cluster_id=mine.cluster_id)
    other.scale_sync(3)
    rc.wait_for_engines(3, timeout=30)
    assert mine.record.n == 3
    scale(rc, 1)
    assert len(rc.ids) == 1


def test_sets_that_another_process_has_started_count_too(rc: Client) -> None:
    mine = rc.cluster
    text = (
        "from parallel import Cluster\n"
        f"c = Cluster.from_file(cluster_id={mine.cluster_id!r})\n"
        "c.start_engines_sync(1, 'theirs')\n"
        "c.detach()\n"
    )
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)
    rc.wait_for_engines(3, timeout=60)
    scale(rc, 1)
    assert len(rc.ids) == 1
    assert sum(mine.asked().values()) == 1


def test_who_is_waited_for_too_long_goes_later(rc: Client, tmp_path: Path) -> None:
    go = tmp_path / "go"
    lview = rc.load_balanced_view()
    ars = [lview.apply_async(hold, str(go)) for _ in range(2)]
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2, what="both are at work")
    with pytest.raises(TimeoutError, match="they go when they have"):
        rc.cluster.scale_sync(1, timeout=0.2)
    assert len(rc.ids) == 1
    go.touch()
    assert len({ar.get() for ar in ars}) == 2
    wait_until(lambda: len(rc._inquire("processes")) == 1, what="one is gone")


def test_several_sets_shrink_together(rc: Client) -> None:
    cluster = rc.cluster
    cluster.start_engines_sync(2, "more")
    rc.wait_for_engines(4, timeout=60)
    scale(rc, 1)
    assert len(rc.ids) == 1
    assert sum(cluster.asked().values()) == 1
    scale(rc, 3)
    rc.wait_for_engines(3, timeout=60)


def test_it_adapts_to_what_there_is_to_do(rc: Client, tmp_path: Path) -> None:
    go = tmp_path / "go"
    rc.cluster.adapt(1, 4, up_after=0.1, down_after=0.5)
    lview = rc.load_balanced_view()
    ars = [lview.apply_async(hold, str(go)) for _ in range(8)]
    wait_until(lambda: len(list(tmp_path.iterdir())) == 4, what="four at work")
    go.touch()
    assert len({ar.get() for ar in ars}) == 4
    wait_until(lambda: len(rc.ids) == 1, timeout=60, what="one is left")
    rc.cluster.stop_adapting()
    scale(rc, 2)


def test_bounds_that_make_no_sense_are_refused(rc: Client) -> None:
    with pytest.raises(ValueError, match="minimum=3, maximum=2"):
        rc.cluster.adapt(3, 2)


def test_the_next_controller_knows_how_many_there_are(rc: Client) -> None:
    scale(rc, 3)
    rc.wait_for_engines(3, timeout=30)
    record = rc.cluster.record
    os.kill(record.controller, signal.SIGKILL)
    wait_until(lambda: rc.cluster.record.epoch == 2, what="another one is there")
    scale(rc, 1)
    assert rc.load_balanced_view().apply_sync(os.getpid) > 0
    assert len(rc.ids) == 1
