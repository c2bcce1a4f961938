"""The lines that users have in their scripts and notebooks work, letter by letter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from parallel import Client, Cluster
from tests.integration.tasks import fsquare, simulator


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start what `ipcluster start --n=4 --profile=classic` starts."""
    with Cluster(n=4, profile="classic", cluster_id="") as rc:
        yield rc


def test_a_client_and_its_views(cluster: Client) -> None:
    with Client(profile="classic") as rc:
        rc.wait_for_engines(4)
        assert rc.ids == [0, 1, 2, 3]
        assert len(rc) == 4
        assert rc.profile == cluster.profile == "classic"
        dview = rc[:]
        assert dview.targets == [0, 1, 2, 3]
        dview = rc.direct_view()
        assert len(dview) == 4
        lview = rc.load_balanced_view()
        assert len(lview) == 4
        assert rc[0].targets == 0
        assert rc[::2].targets == [0, 2]


def test_imports_here_and_there(cluster: Client) -> None:
    dview = cluster[:]
    with dview.sync_imports():
        import os
    assert dview.pull("os.getpid()", block=True) == dview.apply_sync(os.getpid)


def test_to_block_or_not(cluster: Client) -> None:
    dview = cluster[:]
    dview.block = True
    pids = dview.apply(os.getpid)
    dview.block = False
    ar = dview.apply(os.getpid)
    dview.wait(ar)
    assert ar.get() == pids
    assert len(set(pids)) == 4


def test_names_on_engines(cluster: Client) -> None:
    rc, dview = cluster, cluster[:]
    dview["a"] = 10
    dview["b"] = 20
    dview.execute("c=a*b")
    rc[1].execute("c=a+b")
    assert dview["c"] == [200, 30, 200, 200]


def test_map_push_and_pull(cluster: Client) -> None:
    dview = cluster[:]
    dview.block = True
    assert dview.map(fsquare, range(32)) == [x**2 for x in range(32)]
    assert dview.push({"a": 1.03234, "b": 3453}) == [None] * 4
    assert dview.pull("a") == [1.03234] * 4


def test_scatter_and_gather(cluster: Client) -> None:
    dview = cluster[:]
    dview.block = True
    dview.scatter("a", range(24))
    assert dview["a"] == [range(i, i + 6) for i in (0, 6, 12, 18)]
    assert dview.gather("a") == list(range(24))


def test_scattered_work(cluster: Client) -> None:
    dview = cluster[:]
    dview["fsquare"] = fsquare
    dview.scatter("x", range(64))
    dview.execute("y=list(map(fsquare, x))")
    assert dview.gather("y").get() == [x**2 for x in range(64)]


def test_a_balanced_map(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    ar = lview.map_async(simulator, range(100))
    assert ar.get() == [2 * x for x in range(100)]
    assert ar.ready()
    assert ar.progress == 100


@pytest.mark.slow
def test_a_script_of_them(cluster: Client, run: Callable[..., str]) -> None:
    run(
        """
        from parallel import Client

        rc = Client(profile="classic")
        dview = rc[:]
        lview = rc.load_balanced_view()

        def fsquare(x):
            return x**2

        def simulator(x):
            return {"parameter": x, "result": fsquare(x)}

        with dview.sync_imports():
            import os

        dview.block = True
        assert dview.apply(os.getpid) == dview.apply_sync(lambda: os.getpid())
        assert dview.map(fsquare, range(32)) == list(map(fsquare, range(32)))
        dview.push(dict(a=1.03234, b=3453))
        assert dview.pull('a') == [1.03234] * 4
        dview.push(dict(fsquare=fsquare))
        dview.scatter('x', range(64))
        dview.execute('y=list(map(fsquare, x))')
        assert dview.gather('y') == [fsquare(x) for x in range(64)]
        ar = lview.map_async(simulator, range(100))
        assert [each["result"] for each in ar.get()] == [x**2 for x in range(100)]
        assert ar.progress == len(ar) == 100
        """
    )


@pytest.mark.slow
def test_a_script_with_its_own_cluster(run: Callable[..., str]) -> None:
    said = run(
        """
        from parallel import Cluster

        with Cluster(n=4) as rc:
            rc.wait_for_engines(4)
            print(rc.ids, len(rc), rc[0], rc[::2])
        """
    )
    assert said == "[0, 1, 2, 3] 4 <DirectView 0> <DirectView [0, 2]>\n"
