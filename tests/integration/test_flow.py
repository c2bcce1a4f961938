"""Who submits more than comes back is held up: told so, not for ever, and bounded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from parallel import AsyncResult, Client, Cluster, TooMuchUnderWay
from parallel.protocol.messages import FREE
from tests.integration.processes import controller_of, engines_of, resident
from tests.integration.tasks import wait_for
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: What the cluster of these tests holds: little more than each client has anyway.
HELD = 3000
#: It is called full then: one is the task that all wait for.
MORE = HELD + 1000
#: How much arguments a process may have in memory beside what it has anyway, MiB.
BOUND = 300


@pytest.fixture
def rc() -> Iterator[Client]:
    """Start an engine whose controller holds few tasks; give its client."""
    with Cluster(n=1, held_tasks=HELD) as client:
        yield client


class Submitter(threading.Thread):
    """Makes one call again and again, in a thread of its own."""

    def __init__(self, call: Callable[[int], Any], times: int) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._times = times
        #: What the calls returned.
        self.results: list[Any] = []
        self.start()

    def run(self) -> None:
        for i in range(self._times):
            self.results.append(self._call(i))

    def is_held_up(self, at: int) -> bool:
        """Tell whether it has come so far, and no further."""
        return len(self.results) >= at and self.is_alive()


def values(results: list[AsyncResult]) -> list[Any]:
    return [result.get(timeout=100) for result in results]


@pytest.mark.parametrize("kind", ["direct", "balanced"])
def test_who_is_ahead_by_all_that_is_held_waits_and_then_goes_on(
    rc: Client, gate: Path, kind: str
) -> None:
    view = rc[0] if kind == "direct" else rc.load_balanced_view()
    view.apply_async(wait_for, str(gate))
    submitter = Submitter(lambda i: view.apply_async(abs, -i), MORE)
    wait_until(lambda: submitter.is_held_up(HELD - 1), what="submissions", timeout=60)
    assert not wait_for_end(submitter, 0.5)
    assert len(rc.outstanding) == HELD
    gate.touch()
    assert wait_for_end(submitter, 100)
    assert values(submitter.results) == list(range(MORE))


def wait_for_end(thread: threading.Thread, seconds: float) -> bool:
    thread.join(seconds)
    return not thread.is_alive()


def test_it_says_for_what_it_waits(
    rc: Client, gate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rc.explain_after = 0.5
    caplog.set_level(logging.WARNING, "parallel.client")
    rc[0].apply_async(wait_for, str(gate))
    submitter = Submitter(lambda i: rc[0].apply_async(abs, -i), MORE)
    wait_until(lambda: caplog.records, what="word")
    gate.touch()
    assert wait_for_end(submitter, 100)
    said = caplog.records[0].getMessage()
    assert "to submit more, for 3,000 tasks with" in said
    assert "the controller holds no more than 3,000 tasks, or 128 MiB" in said
    assert "wait_for (" in said
    assert "which is alive" in said
    assert rc.wait(timeout=100)


def test_a_view_may_raise_instead(rc: Client, gate: Path) -> None:
    view = rc.load_balanced_view()
    view.when_full = "raise"
    view.apply_async(wait_for, str(gate))
    with pytest.raises(TooMuchUnderWay, match=r"3,000 tasks with .* for this client"):
        submit_all(view, [partial(abs, -1)] * MORE)
    assert len(view.history) == len(rc.outstanding) == HELD
    with pytest.raises(TooMuchUnderWay):
        rc[0].set_flags(when_full="raise").push({"a": 1})
    gate.touch()
    assert rc.wait(timeout=100)
    assert view.apply_sync(abs, -1) == 1


def test_only_two_words_say_what_a_view_does_then(rc: Client) -> None:
    assert rc[0].when_full == "wait"
    with pytest.raises(ValueError, match="when_full is 'wait' or 'raise', not 'drop'"):
        rc[0].when_full = "drop"


def test_what_a_callback_submits_is_not_held_up(rc: Client, gate: Path) -> None:
    """Else the thread that reads would wait for what only it can read."""
    view = rc.load_balanced_view()
    view.apply_async(wait_for, str(gate))
    again: list[AsyncResult] = []

    def submit(i: int) -> AsyncResult:
        result = view.apply_async(abs, -i)
        result.add_done_callback(lambda _: again.append(view.apply_async(abs, -i)))
        return result

    submitter = Submitter(submit, MORE)
    wait_until(lambda: submitter.is_held_up(HELD - 1), what="submissions", timeout=60)
    gate.touch()
    assert wait_for_end(submitter, 100)
    assert values(submitter.results) == list(range(MORE))
    wait_until(lambda: len(again) == MORE, what="callbacks")
    assert sorted(values(again)) == list(range(MORE))


def test_who_holds_a_lock_that_a_callback_wants_is_not_held_up_for_ever(
    rc: Client, gate: Path
) -> None:
    view, lock = rc.load_balanced_view(), threading.RLock()
    called: list[int] = []

    def callback(_: object) -> None:
        with lock:
            called.append(1)

    view.apply_async(wait_for, str(gate)).add_done_callback(callback)
    with lock:
        submitted = [view.apply_async(abs, -i) for i in range(HELD - 1)]
        gate.touch()
        # Another thread reads, and so calls back, and waits for the lock.
        reader = Submitter(lambda _: rc.wait(timeout=100), 1)
        submitted += [view.apply_async(abs, -i) for i in range(10)]
    assert len(values(submitted)) == HELD + 9
    assert wait_for_end(reader, 100)
    assert called == [1]


def test_maps_go_on_beside_it(rc: Client, gate: Path) -> None:
    view = rc.load_balanced_view()
    view.apply_async(wait_for, str(gate))
    mapped = view.map_async(abs, range(10_000), chunksize=2)
    submitter = Submitter(lambda i: view.apply_async(abs, -i), MORE)
    gate.touch()
    assert mapped.get(timeout=100) == list(range(10_000))
    assert wait_for_end(submitter, 100)
    assert values(submitter.results) == list(range(MORE))


def test_whoever_else_comes_has_a_share_of_its_own(rc: Client, gate: Path) -> None:
    view = rc.load_balanced_view()
    view.when_full = "raise"
    view.apply_async(wait_for, str(gate))
    with pytest.raises(TooMuchUnderWay):
        submit_all(view, [partial(abs, -1)] * MORE)
    with rc.cluster.connect_client_sync() as other:
        theirs = other.load_balanced_view()
        results = [theirs.apply_async(abs, -i) for i in range(FREE.tasks - 1)]
        gate.touch()
        assert values(results) == list(range(FREE.tasks - 1))
    assert rc.wait(timeout=100)


def test_an_interrupt_ends_the_wait(run: Callable[..., str]) -> None:
    assert (
        run(
            f"""
        import signal, time
        import parallel as ipp

        signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        with ipp.Cluster(n=1, held_tasks={HELD}) as rc:
            rc[0].apply_async(time.sleep, 3600)
            view = rc.load_balanced_view()
            signal.setitimer(signal.ITIMER_REAL, 5, 0.5)
            try:
                for i in range(10 * {HELD}):
                    view.apply_async(abs, -i)
            except KeyboardInterrupt:
                signal.setitimer(signal.ITIMER_REAL, 0)
                print(len(rc.outstanding))
        """
        )
        == f"{HELD}\n"
    )


@pytest.mark.parametrize("kind", ["direct", "balanced"])
def test_large_arguments_are_bounded_in_every_process(kind: str, gate: Path) -> None:
    """At 100 kB each, 10,000 would be 1 GB in the client and in the controller."""
    with Cluster(n=1) as rc:
        pids = {"controller": controller_of(rc), "engine": engines_of(rc)[0]}
        view = rc[0] if kind == "direct" else rc.load_balanced_view()
        view.apply_async(wait_for, str(gate))
        submitter = Submitter(lambda i: view.apply_async(len, bytes(100_000)), 10_000)
        wait_until(lambda: submitter.is_held_up(1300), what="submissions", timeout=60)
        assert not wait_for_end(submitter, 1)
        sizes = {who: resident(pid) for who, pid in pids.items()}
        assert max(sizes.values()) < BOUND, sizes
        gate.touch()
        assert wait_for_end(submitter, 100)
        assert rc.wait(timeout=100)
        sizes = {who: resident(pid) for who, pid in pids.items()}
        assert max(sizes.values()) < BOUND, sizes


def test_functions_with_much_in_them_count_as_arguments(gate: Path) -> None:
    with Cluster(n=1, held_nbytes=8 << 20) as rc:
        view = rc.load_balanced_view()
        view.when_full = "raise"
        view.apply_async(wait_for, str(gate))
        functions = (closure(bytes([i]) * 500_000) for i in range(100))
        with pytest.raises(TooMuchUnderWay):
            submit_all(view, functions)
        assert len(rc.outstanding) < 30
        gate.touch()
        assert rc.wait(timeout=100)


def submit_all(view: Any, functions: Iterable[Callable[[], int]]) -> None:
    for function in functions:
        view.apply_async(function)


def closure(data: bytes) -> Callable[[], int]:
    return lambda: len(data)


#: The cluster that tasks make clients of.
CLUSTER_ID = "flows"


def own_view() -> Any:
    """Return a view of the one client of the engine that this runs on."""
    names: dict[str, Any] = globals()
    if "_client" not in names:
        names["_client"] = Client(cluster_id=CLUSTER_ID)
    return names["_client"].load_balanced_view()


def ask(i: int) -> int:
    """Return a number by a task of its own."""
    found: int = own_view().apply_sync(abs, -i)
    return found


def spread(count: int) -> int:
    """Return a sum of numbers, each by a task that waits for one of its own."""
    view = own_view()
    return sum(each.get() for each in [view.apply_async(ask, i) for i in range(count)])


def test_tasks_that_submit_do_not_take_the_credit_of_those_they_wait_for() -> None:
    count = FREE.tasks + 100
    with Cluster(n=1, cluster_id=CLUSTER_ID, held_tasks=1) as rc:
        result = rc.load_balanced_view().apply_async(spread, count)
        assert result.get(timeout=90) == count * (count - 1) // 2
