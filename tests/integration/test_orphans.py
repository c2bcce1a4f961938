"""Whoever else is killed: who waits is told before long, and nothing is left behind.

That no process and no file is left, the sandbox of each test sees to.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from parallel import (
    Client,
    Cluster,
    ControllerUnreachable,
    EngineError,
    ParallelError,
    TransportError,
)
from tests.integration.processes import (
    agent_of,
    controller_of,
    engines_of,
    wait_until_gone,
)
from tests.integration.scripts import first_line, started_script
from tests.integration.soon import SOON, said_soon
from tests.integration.tasks import add, begin_and_wait_for, notes, wait_for
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


# The agent, the controller


def test_clients_are_told_when_the_controller_ends(rc: Client, begun: Path) -> None:
    controller = controller_of(rc)
    view, lview = rc[:], rc.load_balanced_view()
    ars = [
        rc[0].apply_async(begin_and_wait_for, str(begun), "/nowhere"),
        lview.map_async(wait_for, ["/nowhere"] * 10),
    ]
    wait_until(lambda: notes(begun), what="begin of the task")
    os.kill(controller, signal.SIGTERM)  # a killed one is replaced
    for ar in ars:
        with said_soon(TransportError):
            ar.get()
    with said_soon(TransportError):
        view.apply_sync(add, 1)
    with said_soon(TransportError):
        rc.queue_status()


def test_work_goes_on_without_the_agent(rc: Client, gate: Path, begun: Path) -> None:
    agent, engines, lview = agent_of(rc), engines_of(rc), rc.load_balanced_view()
    ars = [
        lview.apply_async(begin_and_wait_for, str(begun), str(gate)) for _ in range(2)
    ]
    direct = rc[1].apply_async(add, 1)
    wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
    os.kill(agent, signal.SIGKILL)
    wait_until_gone(agent)
    os.kill(engines[1], signal.SIGKILL)
    with said_soon(EngineError, "engine 1 died before .*: is gone"):
        direct.get()
    gate.touch()
    assert {ar.get(timeout=SOON) for ar in ars} == {engines[0]}
    assert rc.ids == [0]


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_who_waits_is_told_at_once_that_nobody_is_left(
    begun: Path, transport: str
) -> None:
    with Cluster(n=1, transport=transport) as rc:
        rc.reconnect_timeout = None  # as long as somebody may come back
        pids = [agent_of(rc), controller_of(rc), *engines_of(rc)]
        ar = rc[0].apply_async(begin_and_wait_for, str(begun), "/nowhere")
        wait_until(lambda: notes(begun), what="begin of the task")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until_gone(*pids)
        with said_soon(TransportError, "nobody is left who would start another"):
            ar.get()
        if transport == "ipc":  # by the address alone
            with said_soon(ControllerUnreachable, "nobody is left .* Start a cluster"):
                Client(rc._connection._info, timeout=600)


def test_a_cluster_that_was_killed_is_still_stopped(rc: Client) -> None:
    for pid in (controller_of(rc), agent_of(rc)):
        os.kill(pid, signal.SIGKILL)
    rc.cluster.stop_cluster_sync()
    rc.cluster.stop_cluster_sync()


# Who started it all

SCRIPT = """
    import sys, time, os, signal
    from parallel import Cluster

    {prelude}
    with Cluster(n=2) as rc:
        ar = rc[:].apply_async(time.sleep, 60)
        try:
            print(rc.cluster.record.pid, flush=True)
            ar.get()
        except KeyboardInterrupt:
            print("interrupted")
            raise
    """


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT,
                                    signal.SIGHUP], ids=lambda s: s.name)  # fmt: skip
def test_nothing_outlives_the_script_that_started_it(
    tmp_path: Path, signum: signal.Signals
) -> None:
    with started_script(tmp_path, SCRIPT.format(prelude="")) as script:
        agent = int(first_line(script))
        script.send_signal(signum)
        out, err = script.communicate(timeout=10)
    wait_until_gone(agent)
    if signum == signal.SIGINT:
        assert (out, script.returncode) == ("interrupted\n", -signum)
        assert err.rstrip().endswith("KeyboardInterrupt")
    else:
        assert (out, err, script.returncode) == ("", "", -signum)


@pytest.mark.parametrize("end", ["sys.exit(3)", "os._exit(3)", "1 / 0", "pass"])
def test_nothing_outlives_a_script_without_a_with(tmp_path: Path, end: str) -> None:
    text = f"""
        import os, sys
        from parallel import Cluster

        rc = Cluster(n=2).start_and_connect_sync()
        print(rc.cluster.record.pid, flush=True)
        {end}
        """
    with started_script(tmp_path, text) as script:
        out, err = script.communicate(timeout=20)
    wait_until_gone(int(out))
    status = {"pass": 0, "1 / 0": 1}.get(end, 3)
    assert script.returncode == status, err


def test_a_killed_client_leaves_the_cluster_to_others(
    rc: Client, tmp_path: Path, gate: Path, begun: Path
) -> None:
    text = """
        import os, sys, time
        from parallel import Client

        def work(begun, gate):
            with open(begun, "a") as file:
                print(os.getpid(), file=file)
            while not os.path.exists(gate):
                time.sleep(0.005)

        profile_dir, cluster_id, *files = sys.argv[1:]
        rc = Client(profile_dir=profile_dir, cluster_id=cluster_id)
        rc.load_balanced_view().map_sync(work, *[[file] * 50 for file in files])
        """
    mine = rc.cluster
    where = (mine.profile_dir, mine.cluster_id, begun, gate)
    with started_script(tmp_path, text, *where) as script:
        wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
        script.kill()
        script.communicate()
    ours = rc.load_balanced_view().apply_async(add, 1)
    gate.touch()
    assert ours.get(timeout=10) == 2
    assert rc[:].apply_sync(add, 1) == [2, 2]


def test_a_second_client_leaves_the_cluster_alone(rc: Client, gate: Path) -> None:
    with Client(profile_dir=rc.cluster.profile_dir,
                cluster_id=rc.cluster.cluster_id) as other:  # fmt: skip
        assert other.ids == rc.ids
        other[0].apply_async(wait_for, str(gate))
        other[1]["a"] = 5
    gate.touch()
    assert rc[1]["a"] == 5
    assert rc[0].apply_sync(add, 1) == 2
    with pytest.raises(ParallelError):
        other[0].apply_sync(add, 1)
