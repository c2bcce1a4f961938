"""Whoever asks for a bar sees it move, whatever it is that is waited for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from parallel import Client, Cluster
from parallel.client import progress
from tests.integration.tasks import add, fsquare, wait_for
from tests.waiting import wait_until

Seen = Callable[[str], bool]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start two engines that the tests of this module share."""
    with Cluster(n=2) as client:
        yield client


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Seen:
    """Let the error stream be a terminal; tell whether something was seen on it."""
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    monkeypatch.delenv("IPP_NONINTERACTIVE", raising=False)
    drawn = [""]

    def is_there(what: str) -> bool:
        drawn[0] += capsys.readouterr().err
        return what in drawn[0]

    return is_there


def nine(direct: bool = False, **options: Any) -> Callable[[Client], Any]:
    """Return what maps nine numbers, and shows a bar."""

    def make(cluster: Client) -> Any:
        view: Any = cluster[:] if direct else cluster.load_balanced_view()
        return view.map_async(fsquare, range(9), progress=True, **options)

    return make


MAPS: dict[str, Callable[[Client], Any]] = {
    "direct": nine(direct=True),
    "balanced": nine(),
    "balanced, in chunks": nine(chunksize=2),
    "balanced, as they come": nine(ordered=False),
    "direct, with exceptions": nine(direct=True, return_exceptions=True),
    "broadcast": lambda rc: rc.broadcast_view().map_async(
        fsquare, range(9), progress=True
    ),
    "balanced imap": lambda rc: rc.load_balanced_view().imap(
        fsquare, range(9), progress=True
    ),
    "balanced imap, as they come": lambda rc: rc.load_balanced_view().imap(
        fsquare, range(9), ordered=False, progress=True
    ),
    "direct imap": lambda rc: rc[:].imap(fsquare, range(9), progress=True),
}


@pytest.mark.parametrize("make", MAPS.values(), ids=MAPS)
def test_a_map_shows_its_bar(
    cluster: Client, seen: Seen, make: Callable[[Client], Any]
) -> None:
    assert sorted(make(cluster)) == [x**2 for x in range(9)]
    wait_until(lambda: seen("fsquare: 100%"), what="a full bar")
    assert seen("9/9")


def test_of_what_has_no_length_it_counts(cluster: Client, seen: Seen) -> None:
    lview = cluster.load_balanced_view()
    found = lview.imap(fsquare, iter(range(9)), progress=True)
    assert list(found) == [x**2 for x in range(9)]
    wait_until(lambda: seen("fsquare: 9tasks"), what="what was counted")


def test_once_the_end_is_known_it_is_full(cluster: Client, seen: Seen) -> None:
    lview = cluster.load_balanced_view()
    found = lview.map_async(fsquare, iter(range(9)), progress=True)
    assert list(found) == [x**2 for x in range(9)]
    wait_until(lambda: seen("fsquare: 100%"), what="a full bar")
    assert seen("9/9")


def test_a_blocking_map_that_is_asked_shows_it(cluster: Client, seen: Seen) -> None:
    cluster[:].map_sync(fsquare, range(9), progress=True)
    wait_until(lambda: seen("fsquare: 100%"), what="a full bar")


def test_a_bar_moves_while_the_map_runs(
    cluster: Client, seen: Seen, gate: Path
) -> None:
    def pause(path: str) -> None:
        time.sleep(0.2)  # what comes within a tenth of a second is drawn later
        wait_for(path)

    ar = cluster.load_balanced_view().map_async(
        pause, [str(gate.parent), str(gate)], chunksize=1, progress=True
    )
    wait_until(lambda: seen("1/2"), what="a bar that has moved")
    assert not ar.ready()
    gate.touch()
    ar.get(10)
    wait_until(lambda: seen("2/2"), what="a full bar")


def test_who_is_not_asked_shows_none(cluster: Client, seen: Seen) -> None:
    cluster[:].map_sync(fsquare, range(9))
    cluster.load_balanced_view().map_sync(fsquare, range(9), progress=False)
    assert list(cluster.load_balanced_view().imap(fsquare, range(3))) == [0, 1, 4]
    assert not seen("fsquare")


def test_in_ipython_a_blocking_map_shows_one_after_a_while(
    cluster: Client, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    asked: list[float] = []

    def note(*args: Any, delay: float = 0, **options: Any) -> Any:
        asked.append(delay)
        return progress.new_bar(*args, **options)

    monkeypatch.setattr("parallel.client.awaited.new_bar", note)
    for view in (cluster[:], cluster.load_balanced_view()):
        view.map_sync(fsquare, range(9))
        view.map_async(fsquare, range(9)).get(10)
    assert asked == [1, 1]
    wait_until(lambda: seen("fsquare: 100%"), what="a full bar")


def test_waiting_shows_one(cluster: Client, seen: Seen) -> None:
    ar = cluster[:].apply_async(add, 1)
    assert ar.wait_interactive(0.01, 10) is True
    assert seen("add: 100%")
    assert seen("2/2")
    several = [cluster[0].apply_async(add, 1) for _ in range(3)]
    assert cluster.wait_interactive(several, 0.01, 10)
    assert seen("results: 100%")
    assert seen("3/3")


def test_waiting_for_engines_shows_one(cluster: Client, seen: Seen) -> None:
    cluster.wait_for_engines(2, timeout=10, interactive=True)
    assert seen("engines: 100%")


class Shell:
    """What stands for IPython: somebody who waits sees what is drawn."""

    get_ipython = object


@pytest.fixture
def in_ipython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", Shell)
    monkeypatch.setattr("parallel.client.arrivals.PATIENCE", 0)


@pytest.mark.usefixtures("in_ipython")
def test_in_ipython_a_start_shows_one(seen: Seen) -> None:
    with Cluster(n=1):
        assert seen("engines: 100%")
        assert seen("1/1")


@pytest.mark.usefixtures("in_ipython")
def test_who_does_not_wait_for_engines_sees_none(cluster: Client, seen: Seen) -> None:
    future = cluster.wait_for_engines(2, block=False)
    assert future is not None
    future.result(10)
    assert not seen("engines")
    cluster.wait_for_engines(2, interactive=False)
    assert not seen("engines")
