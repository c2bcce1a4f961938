"""Engines register in floods, again and again, and one by one: each is there once."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster, EngineError
from parallel.protocol.connection import ConnectionInfo, from_json
from parallel.protocol.messages import PROTOCOL, Mark
from tests.fakes.engines import FakeEngine, fake_engines, serve
from tests.integration.soon import said_soon
from tests.integration.tasks import add
from tests.waiting import wait_until

FLOOD = 256


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start one real engine, which stays engine 0."""
    with Cluster(n=1) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def descriptors() -> Iterator[None]:
    """Let this process open enough of them for 512 connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def info(cluster: Client) -> ConnectionInfo:
    """Return what engines know of the cluster."""
    mine = cluster.cluster
    name = f"ipcontroller-{mine.cluster_id}-engine.json"
    path = Path(mine.profile_dir, "security", name)
    return from_json(path.read_bytes(), str(path))


@pytest.fixture(autouse=True)
def nobody_stays(cluster: Client) -> Iterator[None]:
    """See after each test that those who left are gone, and that the real one works."""
    yield
    wait_until(lambda: cluster.ids == [0], what="departure of all others")
    assert cluster[0].apply_sync(add, 1) == 2


def all_there(engines: list[FakeEngine]) -> bool:
    return all(engine.engine_id is not None for engine in engines)


@pytest.mark.slow
def test_a_flood(cluster: Client, info: ConnectionInfo) -> None:
    with fake_engines(info, FLOOD) as engines:
        for engine in engines:
            engine.greet()
        serve(engines, lambda: all_there(engines), "ids for all")
        ids = [engine.engine_id for engine in engines]
        assert len(set(ids)) == FLOOD
        cluster.wait_for_engines(FLOOD + 1, timeout=10)
        assert cluster.ids == sorted([0, *map(int, map(str, ids))])

        # One task for each, direct and balanced, and each answers with its id.
        direct = cluster[1:].apply_async(add, 1)
        serve(engines, lambda: all(e.tasks for e in engines), "a task for each")
        for engine in engines:
            engine.finish(engine.engine_id)
        assert direct.get(timeout=10) == cluster.ids[1:]
        lview = cluster.load_balanced_view()
        balanced = [lview.apply_async(add, 1) for _ in range(FLOOD)]
        serve(engines, lambda: sum(len(e.tasks) for e in engines) >= FLOOD - 1, "tasks")
        assert max(len(engine.tasks) for engine in engines) == 1
        for engine in engines:
            engine.finish(engine.engine_id)
        assert cluster.wait(balanced, timeout=10)
        assert len({ar.engine_id for ar in balanced}) == FLOOD


def test_who_greets_again_stays_who_it_is(
    cluster: Client, info: ConnectionInfo
) -> None:
    with fake_engines(info, 20) as engines:
        for _ in range(5):
            for engine in engines:
                engine.greet()
        serve(engines, lambda: all(len(e.welcomes) == 10 for e in engines), "welcomes")
        cluster.wait_for_engines(21, timeout=10)
        assert len(cluster.ids) == 21
        for engine in engines:
            assert len({welcome.session for welcome in engine.welcomes}) == 2
            assert {welcome.engine_id for welcome in engine.welcomes} == {
                engine.engine_id
            }
            engine.greet()
        assert cluster.queue_status()["unassigned"] == 0
        assert len(cluster.ids) == 21


def test_an_engine_is_there_with_both_of_its_connections(
    cluster: Client, info: ConnectionInfo
) -> None:
    with fake_engines(info, 1) as (engine,):
        engine.greet("work")
        serve([engine], lambda: engine.welcomes, "welcome")
        cluster.queue_status()
        assert cluster.ids == [0]
        engine.greet("control")
        cluster.wait_for_engines(2, timeout=10)
        assert cluster.ids == [0, engine.engine_id]


def test_ids_are_not_given_twice(cluster: Client, info: ConnectionInfo) -> None:
    ids: list[int | None] = []
    for _ in range(3):
        with fake_engines(info, 5) as engines:
            for engine in engines:
                engine.greet()
            serve(engines, lambda: all_there(engines), "ids")
            ids += [engine.engine_id for engine in engines]
        wait_until(lambda: cluster.ids == [0], what="departure")
    assert len(set(ids)) == 15


def test_an_id_of_choice(cluster: Client, info: ConnectionInfo) -> None:
    with fake_engines(info, 3) as engines:
        for engine, wanted in zip(engines, (5000, 5000, 0), strict=True):
            engine.greet(engine_id=wanted)
        serve(engines, lambda: all_there(engines), "ids")
        first, second, third = (engine.engine_id for engine in engines)
        assert 5000 in (first, second)  # whose greeting is read first has it
        assert len({0, first, second, third}) == 4


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"protocol": PROTOCOL + 1}, "install the same release on both sides"),
        ({"secret": "0" * 32}, "its key is not of this cluster"),
        ({"role": "client"}, "its key is for the role 'engine', and it says 'client'"),
        ({"channel": "gossip"}, "malformed"),
        ({"uuid": b"short"}, "malformed"),
    ],
)
def test_who_is_not_let_in_is_told_why(
    cluster: Client, info: ConnectionInfo, changes: dict[str, object], why: str
) -> None:
    with fake_engines(info, 1) as (engine,):
        engine.greet("work", **changes)
        serve([engine], lambda: engine.refusals, "refusal")
        assert why in engine.refusals[0]
        assert engine.engine_id is None
    assert cluster.ids == [0]


def test_an_engine_of_an_earlier_controller_is_not_let_in(
    cluster: Client, info: ConnectionInfo
) -> None:
    with fake_engines(info, 1) as (engine,):
        engine.greet(session=b"s" * 16)
        serve([engine], lambda: engine.refusals, "refusal")
        assert "was with an earlier controller" in engine.refusals[0]
    assert cluster.ids == [0]


def test_nobody_takes_the_place_of_an_engine_that_is_there(
    cluster: Client, info: ConnectionInfo
) -> None:
    with fake_engines(info, 2) as (engine, other):
        engine.greet()
        serve([engine], lambda: len(engine.welcomes) == 2, "welcome")
        cluster.wait_for_engines(2, timeout=10)
        engine.say("work", Mark(1, 0))  # as who is welcome
        ar = cluster[-1].apply_async(add, 1)
        serve([engine], lambda: engine.tasks, "a task")
        other.greet("work", uuid=engine.uuid)
        serve([other], lambda: other.refusals, "refusal")
        assert "its place is taken" in other.refusals[0]
        engine.finish(5)
        assert ar.get(10) == 5


def test_what_an_engine_had_in_hand_when_it_left(
    cluster: Client, info: ConnectionInfo
) -> None:
    with fake_engines(info, 1) as (engine,):
        engine.greet()
        serve([engine], lambda: engine.engine_id, "id")
        cluster.wait_for_engines(2, timeout=10)
        lview, view = cluster.load_balanced_view(), cluster[-1]
        ars = [lview.apply_async(add, i) for i in range(10)]
        serve([engine], lambda: engine.tasks, "a balanced task")
        direct = view.apply_async(add, 1)
        serve([engine], lambda: len(engine.tasks) == 2, "a direct task")
    # The real one did the rest.
    assert [ar.get(timeout=10) for ar in ars] == list(range(1, 11))
    assert {ar.engine_id for ar in ars} == {0}
    with said_soon(EngineError, "was stopped"):
        direct.get()
