"""A task may wait for tasks of its own, though every engine is at such a wait."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, Cluster, TaskTimeout
from parallel.errors import RemoteError
from tests.integration.processes import engines_of
from tests.integration.tasks import begin_and_wait_for, notes, wait_for
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
#: The cluster that tasks make clients of.
CLUSTER_ID = "nests"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start two engines under a name by which tasks find them."""
    with Cluster(n=2, cluster_id=CLUSTER_ID) as client:
        yield client


def client() -> Client:
    """Return the one client of the engine that this runs on."""
    names: dict[str, Any] = globals()
    if "_client" not in names:
        names["_client"] = Client(cluster_id=CLUSTER_ID)
    found: Client = names["_client"]
    return found


def ask(f: Any, *args: Any) -> Any:
    """Have another task do something, and wait for it."""
    return client().load_balanced_view().apply_sync(f, *args)


def fib(n: int) -> int:
    """Return a number of Fibonacci, each by a task of its own."""
    if n < 2:
        return n
    view = client().load_balanced_view()
    parts = [view.apply_async(fib, n - 1), view.apply_async(fib, n - 2)]
    return sum(part.get() for part in parts)


def quicksort(items: list[int]) -> list[int]:
    """Return them sorted; each part by a task that is waited for at once."""
    if len(items) < 2:
        return items
    pivot, *rest = items
    low = ask(quicksort, [item for item in rest if item < pivot])
    high = ask(quicksort, [item for item in rest if item >= pivot])
    return [*low, pivot, *high]


# It goes through


def test_recursion_with_two_engines(cluster: Client) -> None:
    assert cluster.load_balanced_view().apply_sync(fib, 10) == 55


def test_recursion_step_by_step(cluster: Client) -> None:
    items = [(i * 37) % 61 for i in range(60)]
    view = cluster.load_balanced_view()
    assert view.apply_sync(quicksort, items) == sorted(items)


def test_a_long_chain_does_not_run_out_of_calls(cluster: Client) -> None:
    def descend(n: int) -> int:
        return 0 if not n else 1 + int(ask(descend, n - 1))

    assert cluster.load_balanced_view().apply_sync(descend, 150) == 150


def test_all_engines_at_waits(cluster: Client) -> None:
    def total(n: int) -> int:
        view = client().load_balanced_view()
        return int(sum(view.map_sync(abs, range(n))))

    results = [cluster.load_balanced_view().apply_async(total, n) for n in range(20)]
    assert [result.get(20) for result in results] == [sum(range(n)) for n in range(20)]


def test_engines_that_wait_for_one_another(cluster: Client) -> None:
    def there_and_back(engine: int, n: int) -> int:
        if not n:
            return 0
        other = client()[1 - engine]
        return 1 + int(other.apply_sync(there_and_back, 1 - engine, n - 1))

    assert cluster[0].apply_sync(there_and_back, 0, 10) == 10


def test_a_wait_that_ends_without_a_result(cluster: Client, gate: Path) -> None:
    def impatient(path: str) -> str:
        result = client()[1].apply_async(wait_for, path)
        try:
            result.get(0.05)
        except TimeoutError:
            return "not yet"
        return "done"

    assert cluster[0].apply_sync(impatient, str(gate)) == "not yet"
    gate.touch()
    cluster[1].apply_sync(os.getpid)  # behind the one that waits for the gate


# Each keeps its own


def test_output_belongs_to_whom_printed_it(cluster: Client) -> None:
    def inner(x: int) -> int:
        print("inner", x)
        return x

    def outer() -> list[Any]:
        print("before")
        results = [client()[:].apply_async(inner, x) for x in range(2)]
        for result in results:
            result.get()
        print("after")
        return [result.stdout for result in results]

    result = cluster[0].apply_async(outer)
    assert result.get(10) == [["inner 0\n"] * 2, ["inner 1\n"] * 2]
    assert result.stdout == "before\nafter\n"


def test_an_error_is_of_its_own_task(cluster: Client) -> None:
    def outer() -> str:
        try:
            client()[0].apply_sync(int, "x")
        except ValueError as error:
            return str(error)
        return "none"

    assert "invalid literal" in cluster[0].apply_sync(outer)
    with pytest.raises(RemoteError, match="ZeroDivisionError: integer division"):
        cluster[0].apply_sync(ask, divmod, 1, 0)


def test_names_that_came_along_are_its_own_again(cluster: Client) -> None:
    def make(value: str, source: str) -> Any:
        names = {"__name__": "__main__", "CLUSTER_ID": CLUSTER_ID, "letter": value}
        exec(source, names)
        return names["f"]

    outer = make(
        "a",
        "def f(make):\n"
        "    from parallel import Client\n"
        "    inner = make('b', 'def f(): return letter')\n"
        "    with Client(cluster_id=CLUSTER_ID) as client:\n"
        "        return letter, client[0].apply_sync(inner), letter",
    )
    assert cluster[0].apply_sync(outer, make) == ("a", "b", "a")


# Interrupted


def test_the_task_on_top_is_interrupted_alone(
    cluster: Client, begun: Path, gate: Path
) -> None:
    def outer(begun: str, gate: str) -> str:
        try:
            client()[0].apply_sync(begin_and_wait_for, begun, gate)
        except RemoteError as error:
            return error.ename
        return "no error"

    result = cluster[0].apply_async(outer, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task on top")
    cluster.send_signal("SIGINT", targets=0)
    assert result.get(10) == "KeyboardInterrupt"


def test_a_task_that_waits_is_cancelled(
    cluster: Client, begun: Path, gate: Path
) -> None:
    def outer(begun: str, gate: str) -> None:
        client()[1].apply_sync(begin_and_wait_for, begun, gate)

    pids = engines_of(cluster)
    result = cluster[0].apply_async(outer, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that is waited for")
    result.cancel()
    wait_until(lambda: cluster.queue_status()[0]["tasks"] == 0, what="end of the task")
    gate.touch()
    assert engines_of(cluster) == pids


def test_a_task_below_is_cancelled_once_it_goes_on(
    cluster: Client, begun: Path, gate: Path
) -> None:
    def outer(begun: str, gate: str) -> None:
        client()[0].apply_sync(begin_and_wait_for, begun, gate)

    result = cluster[0].apply_async(outer, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task on top")
    result.cancel()
    gate.touch()
    wait_until(lambda: cluster.queue_status()[0]["tasks"] == 0, what="end of both")
    assert str(cluster[0].apply_sync(os.getpid)) == notes(begun)[0]


def test_a_task_below_a_long_one_is_not_killed_for_that(
    begun: Path, gate: Path
) -> None:
    def outer(begun: str, gate: str) -> None:
        with Client(cluster_id="hasty-nests") as mine:
            mine[0].apply_sync(begin_and_wait_for, begun, gate)

    with Cluster(n=1, cluster_id="hasty-nests", grace=0.1) as cluster:
        view = cluster.load_balanced_view()
        with view.temp_flags(time_limit=0.2):
            result = view.apply_async(outer, str(begun), str(gate))
        (pid,) = wait_until(lambda: notes(begun), what="a task on top")
        assert not result.wait(1)
        gate.touch()
        with pytest.raises(TaskTimeout, match=r"time_limit of 0\.2 s"):
            result.get(timeout=20)
        assert str(cluster[0].apply_sync(os.getpid)) == pid


def test_a_task_takes_what_the_one_has_that_waits_for_it() -> None:
    def outer(depth: int) -> int:
        with Client(cluster_id="equipped-nests") as mine:
            view = mine.load_balanced_view()
            view.set_flags(resources={"gpu": 1})
            return depth and 1 + int(view.apply_sync(outer, depth - 1))

    resources = [{"gpu": 1}, {}]
    with Cluster(n=2, cluster_id="equipped-nests", resources=resources) as cluster:
        view = cluster.load_balanced_view()
        view.set_flags(resources={"gpu": 1})
        assert view.apply_async(outer, 3).get(timeout=30) == 3


# Too deep


def limit(most: int) -> int:
    """Let only so many tasks wait on top of one another; return how many before."""
    from parallel.engine import nesting

    before, nesting.MOST_NESTED = nesting.MOST_NESTED, most
    return before


def test_hundreds_of_waiting_tasks_do_not_pile_up(cluster: Client) -> None:
    befores = cluster[:].apply_sync(limit, 60)
    try:
        assert cluster.load_balanced_view().apply_sync(fib, 13) == 233
    finally:
        cluster[:].apply_sync(limit, befores[0])


def test_too_many_on_top_of_one_another_are_told(cluster: Client) -> None:
    def descend(n: int) -> int:
        return 0 if not n else 1 + int(client()[0].apply_sync(descend, n - 1))

    before = cluster[0].apply_sync(limit, 3)
    try:
        assert cluster[0].apply_sync(descend, 2) == 2
        with pytest.raises(RemoteError, match="3 tasks wait on this engine"):
            cluster[0].apply_sync(descend, 3)
    finally:
        cluster[0].apply_sync(limit, before)
