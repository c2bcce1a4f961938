"""The controller is killed while there is work: it goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import parallel as ipp
from parallel import Client, Cluster, EngineError
from tests.integration.processes import controller_of, engines_of, wait_until_gone
from tests.integration.scripts import first_line, started_script
from tests.integration.tasks import add, begin_and_wait_for, note, notes, wait_for
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: A result is there within this, seconds, on a machine that has much to do.
PATIENCE = 60


@pytest.fixture
def three() -> Iterator[Client]:
    """Start three engines that are the test's own to harm; give their client."""
    with Cluster(n=3) as client:
        yield client


def kill(client: Client) -> None:
    """Kill the controller of a client's cluster."""
    pid = controller_of(client)
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)


def kill_and_wait(client: Client) -> None:
    """Kill the controller, and wait until another one has taken its place."""
    before = controller_of(client)
    kill(client)
    wait_until(lambda: controller_of(client) not in (0, before), what="another one")


def square(path: str, i: int, seconds: float = 0.0) -> int:
    """Say that this runs, and return a square."""
    note(path, i)
    time.sleep(seconds)
    return i * i


def fail(path: str, i: int) -> None:
    """Say that this runs, and raise."""
    note(path, i)
    raise ValueError(i)


def double(path: str, i: int, data: bytes) -> bytes:
    """Say that this runs, and return twice as much."""
    note(path, i)
    return data + data


def test_a_thousand_mixed_tasks_and_five_kills(three: Client, begun: Path) -> None:
    lview, path = three.load_balanced_view(), str(begun)
    data = bytes(50_000)
    results: list[ipp.AsyncResult] = []
    expected: list[object] = []
    last = lview.apply_async(square, path, -1)
    for i in range(1_200):
        kind = i % 8
        if kind == 0:
            results.append(lview.apply_async(fail, path, i))
        elif kind == 1:
            results.append(lview.apply_async(double, path, i, data))
        elif kind == 2:
            with lview.temp_flags(after=last):
                results.append(lview.apply_async(square, path, i))
        elif kind == 3:
            with lview.temp_flags(follow=last):
                results.append(lview.apply_async(square, path, i))
        elif kind == 4:
            results.append(three[i % 3].apply_async(square, path, i))
        else:
            results.append(lview.apply_async(square, path, i, 0.005))
        expected.append({0: ValueError, 1: data + data}.get(kind, i * i))
        last = results[-1] if kind else last
        if i % 200 == 100 and i < 1_100:
            kill_and_wait(three)
    for result, value in zip(results, expected, strict=True):
        if value is ValueError:
            with pytest.raises(ValueError, match=r"\d+"):
                result.get(timeout=PATIENCE)
        else:
            assert result.get(timeout=PATIENCE) == value
    assert Counter(notes(begun)) == Counter(map(str, range(-1, 1_200)))


def test_what_runs_goes_on_and_namespaces_stay(
    three: Client, begun: Path, gate: Path
) -> None:
    pids = engines_of(three)
    three[:]["kept"] = 7
    running = three[:].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: len(notes(begun)) == 3, what="tasks on all engines")
    behind = three[0].apply_async(add, 1)
    for _ in range(2):
        kill_and_wait(three)
    gate.touch()
    assert running.get(timeout=PATIENCE) == pids
    assert behind.get(timeout=PATIENCE) == 2
    assert three[:].pull("kept").get(timeout=PATIENCE) == [7] * 3
    assert three.ids == [0, 1, 2]
    assert len(notes(begun)) == 3


def test_direct_calls_keep_their_order(three: Client, begun: Path) -> None:
    results = []
    for i in range(60):
        results.append(three[0].apply_async(square, str(begun), i))
        if i % 20 == 10:
            kill_and_wait(three)
    assert [ar.get(timeout=PATIENCE) for ar in results] == [i * i for i in range(60)]
    assert notes(begun) == [str(i) for i in range(60)]


def test_iterations_go_on(three: Client, begun: Path) -> None:
    lview = three.load_balanced_view()
    results = [lview.apply_async(square, str(begun), i, 0.01) for i in range(100)]
    seen = []
    for ar in ipp.as_completed(results):
        seen.append(ar.get())
        if len(seen) == 30:
            kill(three)
    assert sorted(seen) == [i * i for i in range(100)]
    squares = []
    for value in lview.imap(lambda x: x * x, range(300)):
        squares.append(value)
        if len(squares) == 50:
            kill_and_wait(three)
    assert squares == [x * x for x in range(300)]


def test_awaited_results_come(three: Client, begun: Path) -> None:
    async def work() -> list[int]:
        lview = three.load_balanced_view()
        whole = lview.map_async(lambda x: (time.sleep(0.002), x * x)[1], range(300))
        part = lview.apply_async(square, str(begun), 3, 0.5)
        wait_until(lambda: notes(begun), what="a task that runs")
        kill(three)
        assert await part == 9
        return list(await whole)

    assert asyncio.run(work()) == [x * x for x in range(300)]


def test_what_depends_on_ended_tasks_starts(
    three: Client, begun: Path, gate: Path
) -> None:
    lview = three.load_balanced_view()
    first = lview.apply_async(os.getpid)
    pid = first.get(timeout=PATIENCE)
    blocks = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    with lview.temp_flags(follow=first, after=[blocks, first]):
        second = lview.apply_async(os.getpid)
    kill_and_wait(three)
    with lview.temp_flags(after=first):
        assert lview.apply_async(add, 1).get(timeout=PATIENCE) == 2
    gate.touch()
    assert second.get(timeout=PATIENCE) == pid


def test_what_was_given_up_stays_so(three: Client, begun: Path, gate: Path) -> None:
    lview = three.load_balanced_view()
    running = [
        lview.apply_async(begin_and_wait_for, str(begun), str(gate)) for _ in range(3)
    ]
    wait_until(lambda: len(notes(begun)) == 3, what="tasks on all engines")
    queued = lview.apply_async(note, str(begun), "never")
    os.kill(controller_of(three), signal.SIGSTOP)
    queued.abort()
    kill_and_wait(three)
    with pytest.raises(ipp.TaskAborted):
        queued.get(timeout=PATIENCE)
    running[0].cancel()
    gate.touch()
    for ar in running[1:]:
        ar.get(timeout=PATIENCE)
    assert len(notes(begun)) == 3


def test_what_runs_is_stopped_though_its_engine_is_back_later(
    three: Client, begun: Path, gate: Path
) -> None:
    pid = engines_of(three)[0]
    ar = three[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    os.kill(pid, signal.SIGSTOP)
    try:
        kill_and_wait(three)
        words = "waiting for engine 0 to tell what it has"
        wait_until(lambda: words in three.explain(ar), PATIENCE, "these words")
        ar.cancel()
        three.queue_status()  # behind that
    finally:
        os.kill(pid, signal.SIGCONT)
    assert three[0].apply_async(os.getpid).get(timeout=PATIENCE) == pid


def test_two_clients_go_on(three: Client, begun: Path) -> None:
    with Client(three._connection._info) as other:
        views = [each.load_balanced_view() for each in (three, other)]
        results = [
            views[i % 2].apply_async(square, str(begun), i, 0.01) for i in range(100)
        ]
        kill(three)
        found = other.get_result(results[98].msg_ids[0])
        assert [ar.get(timeout=PATIENCE) for ar in results] == [
            i * i for i in range(100)
        ]
        assert found.get(timeout=PATIENCE) == 98**2
    assert len(notes(begun)) == 100


def test_a_task_that_waits_for_tasks_of_its_own_goes_on(
    three: Client, begun: Path
) -> None:
    info = three._connection._info

    def tree(path: str, depth: int) -> int:
        from parallel import Client
        from tests.integration.tasks import note

        note(path, depth)
        if not depth:
            time.sleep(0.2)
            return 1
        with Client(info) as client:
            lview = client.load_balanced_view()
            parts = [lview.apply_async(tree, path, depth - 1) for _ in range(2)]
            return sum(part.get() for part in parts)

    ar = three.load_balanced_view().apply_async(tree, str(begun), 3)
    wait_until(lambda: len(notes(begun)) >= 3, PATIENCE, what="some of the tree")
    kill(three)
    assert ar.get(timeout=PATIENCE) == 8
    assert Counter(notes(begun)) == {"3": 1, "2": 2, "1": 4, "0": 8}


def test_who_waits_is_told_what_for(three: Client, gate: Path) -> None:
    pid = engines_of(three)[0]
    ar = three[0].apply_async(wait_for, str(gate))
    os.kill(pid, signal.SIGSTOP)
    try:
        kill_and_wait(three)
        words = "waiting for engine 0 to tell what it has"
        wait_until(lambda: words in three.explain(ar), PATIENCE, "these words")
        assert "the controller was started again" in three.explain(ar)
    finally:
        os.kill(pid, signal.SIGCONT)
    gate.touch()
    assert ar.get(timeout=PATIENCE) == pid


def test_the_task_of_an_engine_that_dies_meanwhile_runs_elsewhere(
    rc: Client, begun: Path, gate: Path
) -> None:
    lview = rc.load_balanced_view()
    lview.engine_retries = 1
    ar = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    with lview.temp_flags(engine_retries=0):
        once = lview.apply_async(begin_and_wait_for, str(begun), str(gate))
        wait_until(lambda: len(notes(begun)) == 2, what="both tasks")
    os.kill(int(notes(begun)[1]), signal.SIGSTOP)
    os.kill(int(notes(begun)[0]), signal.SIGSTOP)
    kill(rc)
    for pid in notes(begun):
        os.kill(int(pid), signal.SIGKILL)
    with pytest.raises(EngineError, match="must not be started twice"):
        once.get(timeout=PATIENCE)
    gate.touch()
    assert ar.get(timeout=PATIENCE) in engines_of(rc)


def test_only_what_a_dead_engine_had_started_is_lost_with_it(
    rc: Client, begun: Path, gate: Path
) -> None:
    lview = rc.load_balanced_view(engine_retries=0)
    both = [
        lview.apply_async(begin_and_wait_for, str(begun), str(gate)) for _ in range(2)
    ]
    wait_until(lambda: len(notes(begun)) == 2, what="tasks on both engines")
    waiting = [lview.apply_async(square, str(begun), i) for i in range(5)]
    victim, other = map(int, notes(begun))
    os.kill(victim, signal.SIGSTOP)
    os.kill(other, signal.SIGSTOP)
    kill(rc)
    os.kill(victim, signal.SIGKILL)
    os.kill(other, signal.SIGCONT)
    gate.touch()
    ends = [ar.get(timeout=PATIENCE, return_exceptions=True) for ar in both]
    assert other in ends
    (lost,) = (end for end in ends if end != other)
    assert isinstance(lost, EngineError)
    assert "its engine died as the controller was killed: it was killed" in str(lost)
    assert [ar.get(timeout=PATIENCE) for ar in waiting] == [0, 1, 4, 9, 16]


def begin_and_die(path: str) -> None:
    """Say that this runs, and kill its engine."""
    note(path, os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


def begin_and_raise(path: str) -> None:
    """Say that this runs, and raise."""
    note(path, os.getpid())
    raise ValueError(path)


def test_what_has_raised_or_killed_before_is_counted_on(
    three: Client, begun: Path, gate: Path
) -> None:
    blocked = [three[i].apply_async(wait_for, str(gate)) for i in (1, 2)]
    lview = three.load_balanced_view(targets=[0], retries=1)
    first = lview.apply_async(begin_and_raise, str(begun))
    wait_until(lambda: len(notes(begun)) == 1, what="its first start")
    with pytest.raises(ValueError, match="begun"):
        first.get(timeout=PATIENCE)  # no other engine may have it
    lview = three.load_balanced_view(retries=1)
    raising = lview.apply_async(begin_and_raise, str(begun))
    deadly = three.load_balanced_view(engine_retries=1)
    wait_until(lambda: len(notes(begun)) == 2, what="its first start")
    wait_until(lambda: three._connection.tasks.started, what="its client to be told")
    killing = deadly.apply_async(begin_and_die, str(begun))
    wait_until(lambda: len(three._connection.tasks.started) == 2, what="the other one")
    kill_and_wait(three)
    gate.touch()
    with pytest.raises(ValueError, match="begun"):
        raising.get(timeout=PATIENCE)
    with pytest.raises(EngineError, match="killed 2 engines"):
        killing.get(timeout=PATIENCE)
    assert len(notes(begun)) == 5, "each of the two was started once more"
    assert [ar.get(timeout=PATIENCE) for ar in blocked]


def set_up() -> None:
    """Leave a trace in an engine."""
    os.environ["SET_UP"] = "yes"


def test_setups_are_made_on_engines_that_join_later(rc: Client) -> None:
    rc[:].setup(set_up).get(timeout=PATIENCE)
    kill_and_wait(rc)
    os.kill(engines_of(rc)[0], signal.SIGKILL)
    wait_until(lambda: rc.ids == [1, 2], PATIENCE, "another engine")
    found = rc[:].apply_async(os.getenv, "SET_UP")
    assert found.get(timeout=PATIENCE) == ["yes", "yes"]


LEAVER = """
    import sys
    from parallel import Client
    from tests.integration.tasks import begin_and_wait_for

    profile_dir, cluster_id, begun, gate = sys.argv[1:]
    rc = Client(profile_dir=profile_dir, cluster_id=cluster_id)
    lview = rc.load_balanced_view()
    lview.label = "left"
    ars = [lview.apply_async(begin_and_wait_for, begun, gate) for _ in range(6)]
    rc.queue_status()  # behind the submissions
    print("submitted", flush=True)
    rc.wait()
"""


def test_what_a_client_has_left_is_finished(
    rc: Client, tmp_path: Path, begun: Path, gate: Path
) -> None:
    where = (rc.cluster.profile_dir, rc.cluster.cluster_id, begun, gate)
    with started_script(tmp_path, LEAVER, *where) as script:
        assert first_line(script).strip() == "submitted"
        wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
        script.kill()
        script.communicate()
    for _ in range(3):  # before each answer, the record writes what has aged
        assert len(rc.db_query({"label": "left"}, keys="msg_id")) == 6
    kill_and_wait(rc)
    gate.touch()
    found = rc.get_result(label="left")
    pids = engines_of(rc)
    assert set(found.get(timeout=PATIENCE)) <= set(pids)
    assert len(notes(begun)) == 6


DEPENDENT = """
    import sys
    from parallel import Client
    from tests.integration.tasks import add, begin_and_wait_for

    profile_dir, cluster_id, begun, gate = sys.argv[1:]
    rc = Client(profile_dir=profile_dir, cluster_id=cluster_id)
    lview = rc.load_balanced_view()
    ended = rc[2].apply_async(add, 1, 2)
    ended.get()
    rc.shutdown(targets=2)
    running = [lview.apply_async(begin_and_wait_for, begun, gate) for _ in range(2)]
    with lview.temp_flags(label="behind", after=[ended, *running]):
        behind = lview.apply_async(add, 3, 4)
    with lview.temp_flags(label="behind", after=[ended, behind]):
        lview.apply_async(add, 5, 6)
    rc.queue_status()  # behind the submissions
    print("submitted", flush=True)
    rc.wait()
"""


def test_what_a_client_has_left_waits_for_what_it_depends_on(
    three: Client, tmp_path: Path, begun: Path, gate: Path
) -> None:
    """Some of that has ended, and only the record has it: its engine is gone."""
    rc = three
    where = (rc.cluster.profile_dir, rc.cluster.cluster_id, begun, gate)
    with started_script(tmp_path, DEPENDENT, *where) as script:
        assert first_line(script).strip() == "submitted"
        wait_until(lambda: len(notes(begun)) == 2, what="work on both engines")
        script.kill()
        script.communicate()
    for _ in range(3):  # before each answer, the record writes what has aged
        assert len(rc.db_query({"label": "behind"}, keys="msg_id")) == 2
    kill_and_wait(rc)
    found = rc.get_result(label="behind")
    gate.touch()
    assert found.get(timeout=PATIENCE) == [7, 11]


def end_late(begun: str, gate: str) -> None:
    """Say that this was interrupted, and end only when there is such a file."""
    try:
        note(begun, "begun")
        time.sleep(PATIENCE)
    except KeyboardInterrupt:
        note(begun, "interrupted")
        wait_for(gate)
        raise


@pytest.mark.parametrize("ends_first", [False, True])
def test_a_task_that_took_too_long_is_told_so_by_the_next_controller(
    rc: Client, begun: Path, gate: Path, ends_first: bool
) -> None:
    rc[:].apply_sync(square, os.devnull, 1)  # to import this module takes time, too
    lview = rc.load_balanced_view(time_limit=0.2, retries=1)
    ar = lview.apply_async(end_late, str(begun), str(gate))
    wait_until(lambda: len(notes(begun)) == 2, what="the interrupt")
    if ends_first:
        gate.touch()
    kill(rc)
    gate.touch()
    with pytest.raises(ipp.TaskTimeout, match=r"time_limit of 0.2 s"):
        ar.get(timeout=PATIENCE)
    assert notes(begun) == ["begun", "interrupted"]
