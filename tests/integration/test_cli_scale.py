"""`ipcluster scale` changes how many engines a running cluster has."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from parallel import Client
from tests.commands import run, running
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_a_cluster_is_scaled_up_and_down() -> None:
    run("ipcluster start -n 1 --daemonize --cluster-id=grows")
    try:
        said = run("ipcluster scale -n 3 grows")[1]
        assert "had 1 engines, and is to have 3" in said
        with Client(cluster_id="grows") as rc:
            rc.wait_for_engines(3, timeout=60)
            (told,) = json.loads(run("ipcluster list -o json")[0])
            assert told["n"] == 3
            run("ipcluster scale -n 1 --cluster-id=grows")
            assert len(rc.ids) == 1
    finally:
        run("ipcluster stop grows")


def test_a_cluster_that_is_not_there() -> None:
    said = run("ipcluster scale -n 3 nowhere", status=11)[1]
    assert "cluster-nowhere.json" in said
    assert len(said.splitlines()) == 1


def test_without_a_number() -> None:
    said = run("ipcluster scale", status=1)[1]
    assert "how many engines" in said
    assert len(said.splitlines()) == 1


def test_a_number_that_makes_no_sense() -> None:
    said = run("ipcluster scale -n -2", status=1)[1]
    assert len(said.splitlines()) == 1


def wait_for_more(rc: Client) -> None:
    """Submit what one engine cannot do soon, until there are two."""
    lview = rc.load_balanced_view()
    ar = lview.map_async(time.sleep, [1.0] * 20, chunksize=1)
    wait_until(lambda: len(rc.ids) == 2, 90, "another engine")
    ar.abort()


def test_a_cluster_that_stays_adapts_to_its_work() -> None:
    said = run("ipcluster start --adapt=1:2 --daemonize --cluster-id=adapts")[1]
    try:
        assert "1 engine is running" in said
        assert "adapts to 1:2 engines; its log is " in said
        with Client(cluster_id="adapts") as rc:
            wait_for_more(rc)
    finally:
        run("ipcluster stop adapts")
    log = Path(said.partition("its log is ")[2].splitlines()[0])
    wait_until(lambda: "'adapts' of profile 'default' ended" in log.read_text(), 30)


def test_a_cluster_in_the_foreground_adapts_to_its_work() -> None:
    with running("ipcluster start -n 1 --adapt=1:2") as command:
        command.wait_for("to stop:")
        with Client() as rc:
            wait_for_more(rc)
        command.end()


def test_a_cluster_that_runs_is_adapted_until_a_signal_comes() -> None:
    run("ipcluster start -n 1 --daemonize")
    try:
        with running("ipcluster scale --adapt=1:2") as command:
            with Client() as rc:
                wait_for_more(rc)
            assert "keeps what it has" in command.end()
    finally:
        run("ipcluster stop")


@pytest.mark.parametrize("bounds", ["4", "3:2", "0:0", "1-2"])
@pytest.mark.parametrize("command", ["start", "scale"])
def test_bounds_that_make_no_sense(command: str, bounds: str) -> None:
    said = run(f"ipcluster {command} --adapt={bounds}", status=1)[1]
    assert f"--adapt={bounds}: " in said
    assert len(said.splitlines()) == 1
