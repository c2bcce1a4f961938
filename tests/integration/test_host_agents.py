"""`ipcluster engines`: engines that an agent keeps up for a controller elsewhere."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, EngineError, TaskTimeout
from parallel.cli.engine import NOT_REGISTERED
from parallel.transport.locations import connection_file, profile_dir
from tests.commands import Running, broken_engines, run, running
from tests.integration.processes import is_gone, wait_until_gone
from tests.integration.tasks import add
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

CONTROLLER = "ipcontroller --ip=127.0.0.1"
ENGINES = "ipcluster engines -n 2 --engine-set=mine"
SPAWN = "--IPClusterEngines.start_method=spawn"
SHARED = {"IPP_SHARED": "DEVICE", "DEVICE": "[a,b]"}


@pytest.fixture
def agent() -> Iterator[Running]:
    """Start a controller, and an agent of two engines."""
    with running(CONTROLLER) as controller:
        with running(ENGINES, env=SHARED) as agent:
            agent.wait_for("joined")
            yield agent
        controller.process.terminate()  # unless a client has ended it
        controller.process.wait(60)


@pytest.fixture
def rc(agent: Running) -> Iterator[Client]:
    """Connect to both of its engines."""
    with Client() as client:
        client.wait_for_engines(2, timeout=60)
        yield client


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hold_the_gil() -> None:
    import ctypes

    ctypes.PyDLL(None).sleep(60)


def device() -> str:
    return os.environ["DEVICE"]


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def courier_of(agent: int, engines: list[int]) -> int:
    (courier,) = set(children_of(agent)) - set(engines)
    return courier


def test_each_engine_has_its_own_share_of_the_environment(rc: Client) -> None:
    assert sorted(rc[:].apply_sync(device)) == ["a", "b"]


def test_a_death_is_told_as_its_agent_saw_it_and_another_one_comes(rc: Client) -> None:
    its_own = rc[0].apply_sync(device)
    with pytest.raises(EngineError, match="while it ran the task: was killed by SIGK"):
        rc[0].apply_sync(die)
    wait_until(lambda: rc.ids == [1, 2], what="another engine")
    assert rc[2].apply_sync(device) == its_own


def test_balanced_work_of_a_dead_engine_is_done_by_others(rc: Client) -> None:
    view = rc.load_balanced_view()
    results = view.map_async(lambda i: (time.sleep(0.02), i)[1], range(40))
    os.kill(rc[0].apply_sync(os.getpid), signal.SIGKILL)
    assert results.get(timeout=60) == list(range(40))


def test_an_engine_that_is_shut_down_is_not_replaced(rc: Client) -> None:
    pid = rc[0].apply_sync(os.getpid)
    rc.shutdown(targets=0)
    wait_until_gone(pid)
    assert rc[1].apply_sync(add, 1) == 2
    wait_until(lambda: rc.ids == [1], what="its end")


def test_it_ends_with_the_last_of_its_engines(agent: Running, rc: Client) -> None:
    rc.shutdown(targets="all")
    agent.wait()


def test_it_fails_with_the_story_if_none_of_its_engines_stays_up(
    tmp_path: Path,
) -> None:
    env = broken_engines(tmp_path, "raise SystemExit('no such library')")
    with running(CONTROLLER) as controller:
        controller.wait_for("listening")
        with running(f"{ENGINES} {SPAWN}", env=env) as agent:
            said = agent.wait(NOT_REGISTERED)
        controller.end()
    assert "did not stay up" in said
    assert "no such library" in said


def test_a_task_that_does_not_hear_is_killed_by_its_agent(rc: Client) -> None:
    rc[0].push({"known": 1})
    view = rc.load_balanced_view(0)
    pid = rc[0].apply_sync(os.getpid)
    view.set_flags(time_limit=0.5)
    with pytest.raises(TaskTimeout):
        view.apply_sync(hold_the_gil)
    wait_until_gone(pid)


def test_it_ends_with_its_controller(agent: Running, rc: Client) -> None:
    rc.shutdown(hub=True)
    agent.wait()


def test_it_ends_by_sigterm_and_says_so(
    agent: Running, rc: Client, caplog: pytest.LogCaptureFixture
) -> None:
    pids = rc[:].apply_sync(os.getpid)
    agent.end()
    wait_until_gone(*pids)
    wait_until(lambda: not rc.ids, what="the news")
    assert "not replaced" not in caplog.text


def test_engines_outlive_their_agent_and_users_are_told(
    agent: Running, rc: Client, caplog: pytest.LogCaptureFixture
) -> None:
    pids = rc[:].apply_sync(os.getpid)
    agent.process.kill()
    wait_until(
        lambda: "that die are not replaced any more" in caplog.text, what="words"
    )
    assert rc[:].apply_sync(os.getpid) == pids
    rc.shutdown(hub=True)
    wait_until_gone(*pids)


def test_what_carries_the_messages_is_replaced(agent: Running, rc: Client) -> None:
    pids = rc[:].apply_sync(os.getpid)
    courier = courier_of(agent.process.pid, pids)
    os.kill(courier, signal.SIGKILL)
    wait_until(
        lambda: len(set(children_of(agent.process.pid)) - {courier}) == 3,
        what="another one",
    )
    os.kill(pids[0], signal.SIGKILL)
    wait_until(lambda: rc.ids == [1, 2], what="another engine")
    assert rc[1].apply_sync(os.getpid) == pids[1]


def test_it_goes_on_with_a_controller_that_was_killed_and_started_again() -> None:
    with running(f"{CONTROLLER} --restore") as first:
        first.wait_for("listening")
        with running(ENGINES) as agent, Client() as rc:
            rc.wait_for_engines(2, timeout=60)
            pids = rc[:].apply_sync(os.getpid)
            first.process.kill()
            first.wait(-signal.SIGKILL)
            os.kill(pids[0], signal.SIGKILL)  # which nobody can be told of by now
            wait_until(lambda: is_gone(pids[0]), what="its death")
            with running("ipcontroller --restore") as second:
                second.wait_for("listening")
                wait_until(lambda: rc.ids == [1, 2], 60, what="another engine")
                assert rc[1].apply_sync(os.getpid) == pids[1]
                second.end()
            agent.wait()


def test_the_key_may_come_by_standard_input() -> None:
    with running(CONTROLLER) as controller, Client(timeout=60) as rc:
        text = connection_file(profile_dir(), "", "engine").read_bytes()
        with running("ipcluster engines -n 1 --file=-", stdin=text) as agent:
            rc.wait_for_engines(1, timeout=60)
            assert rc[0].apply_sync(add, 1) == 2
            agent.end()
        controller.end()


def test_a_controller_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with running(CONTROLLER) as controller:
        controller.wait_for("listening")
        text = connection_file(profile_dir(), "", "engine").read_text()
        controller.end()
    file = tmp_path / "engine.json"
    file.write_text(text)
    file.chmod(0o600)
    _, said = run(f"ipcluster engines -n 1 --file={file} --timeout=0.2", 255)
    assert "does not answer" in said
