"""Whoever waits gets what it waits for, whichever thread reads.

The pump drives a line that needs no controller: what is sent through it comes back.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import pytest

from parallel.client import pump as module
from parallel.client.pump import Pump
from tests.waiting import wait_until

#: So long a wait that ends with it would have hung, seconds.
LONG = 20.0


class Line:
    """An echo: a number that is sent comes back as input, and is then here."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.outbox: deque[int] = deque()
        self.sent: list[int] = []
        self.came: set[int] = set()
        self.calls: dict[int, Callable[[], None]] = {}
        self.news = threading.Condition()
        self.echoing = True
        self.timer: float | None = None
        self.turns = 0
        self.readers: set[int] = set()
        self.pump = Pump(
            self.turn,
            [self.near.fileno()],
            lambda: bool(self.outbox),
            lambda: self.timer,
        )

    def turn(self, ready: Sequence[int] | None) -> bool:
        """Send all there is, and read what has come: at most 7 numbers at a time."""
        self.turns += 1
        self.readers.add(threading.get_ident())
        while self.outbox:
            self.sent.append(self.outbox.popleft())
            if self.echoing:
                self.echo(self.sent[-1])
        try:
            data = self.near.recv(7 * 4)
        except BlockingIOError:
            return False
        for i in range(0, len(data), 4):
            number = int.from_bytes(data[i : i + 4], "big")
            with self.news:
                self.came.add(number)
                self.news.notify_all()
            self.calls.pop(number, lambda: None)()
        return True

    def echo(self, number: int) -> None:
        """Let a number come."""
        self.far.sendall(number.to_bytes(4, "big"))

    def send(self, number: int, *, now: bool) -> None:
        """Have a number sent."""
        self.outbox.append(number)
        self.pump.nudge(now=now)

    def wait(self, number: int, timeout: float | None = LONG) -> bool:
        """Wait until a number has come."""
        deadline = None if timeout is None else time.monotonic() + timeout
        return self.pump.wait(lambda: number in self.came, self.follow, deadline)

    def follow(self, seconds: float | None) -> None:
        """Wait while another thread reads."""
        with self.news:
            self.news.wait(seconds)

    def asleep(self) -> bool:
        """Tell whether a thread leads, and sleeps."""
        return self.pump._leader is not None and self.pump._leading.asleep

    def close(self) -> None:
        """Close all."""
        if self.near.fileno() < 0:
            return
        if not self.pump._closed:
            self.pump.close()
        self.near.close()
        self.far.close()


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    line.pump.start()
    yield line
    line.close()


@pytest.fixture
def still() -> Iterator[Line]:
    """Give a line without a thread in the background."""
    line = Line()
    yield line
    line.close()


class Waiter(threading.Thread):
    """A thread that waits for a number."""

    def __init__(self, line: Line, number: int) -> None:
        super().__init__()
        self.line, self.number = line, number
        self.seconds = LONG
        self.start()

    def run(self) -> None:
        began = time.monotonic()
        self.line.wait(self.number)
        self.seconds = time.monotonic() - began

    def was_in_time(self) -> bool:
        """Tell whether it came soon, and not only once it gave up waiting."""
        self.join(LONG + 5)
        return self.seconds < LONG / 4


# One thread


def test_who_waits_sends_and_reads_by_itself(still: Line) -> None:
    still.outbox.append(1)
    assert still.wait(1)
    assert still.readers == {threading.get_ident()}


def test_what_is_there_needs_no_turn(still: Line) -> None:
    still.came.add(1)
    assert still.wait(1)
    still.pump.wait(lambda: True, still.follow, None)
    assert still.turns <= 1


def test_a_wait_ends_at_its_deadline(still: Line) -> None:
    assert not still.wait(1, timeout=0.0)
    assert not still.wait(1, timeout=0.02)
    assert not still.wait(1, timeout=-1.0)


@pytest.mark.parametrize("seconds", [4294967, 1e300, float("inf")])
def test_a_wait_may_be_longer_than_poll_allows(still: Line, seconds: float) -> None:
    waiter = threading.Thread(target=still.wait, args=(1, seconds))
    waiter.start()
    wait_until(still.asleep)
    still.send(1, now=True)
    waiter.join(LONG)
    assert not waiter.is_alive()


def test_a_nudge_sends_now(still: Line) -> None:
    still.send(1, now=True)
    assert still.sent == [1]
    assert still.came == {1}


def test_a_look_takes_in_what_has_come(still: Line) -> None:
    for number in range(20):
        still.echo(number)
    still.pump.look()
    assert still.came == set(range(20))


def test_a_timer_is_kept_while_waiting(still: Line) -> None:
    still.timer = time.monotonic() + 0.02
    turns: list[float] = []

    def done() -> bool:
        turns.append(time.monotonic())
        return turns[-1] > still.timer

    assert still.pump.wait(done, still.follow, time.monotonic() + LONG)
    assert len(turns) < 20


def test_an_interrupted_wait_can_be_begun_again(still: Line) -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        still.pump.wait(interrupt, still.follow, None)
    still.outbox.append(1)
    assert still.wait(1)


# The background


def test_while_nobody_waits_the_background_reads(line: Line) -> None:
    line.echo(1)
    wait_until(lambda: 1 in line.came)
    line.send(2, now=False)
    wait_until(lambda: 2 in line.came)


def test_it_keeps_out_for_a_while_after_a_wait(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE", LONG)
    monkeypatch.setattr(module, "PARKED", LONG)
    line.outbox.append(1)
    assert line.wait(1)
    line.send(2, now=False)  # but what is to be sent is sent
    wait_until(lambda: 2 in line.sent)
    line.echo(3)
    line.pump.attend()  # and who counts on it is served
    wait_until(lambda: 3 in line.came)


def test_it_ends_when_the_pump_closes(line: Line) -> None:
    thread = line.pump._thread
    began = time.monotonic()
    line.close()
    assert not thread.is_alive()
    assert time.monotonic() - began < LONG / 4
    line.pump.nudge(now=True)
    line.pump.nudge(now=False)


def test_a_pump_can_close_itself_in_a_turn(line: Line) -> None:
    line.calls[1] = line.pump.close
    line.echo(1)
    wait_until(lambda: not line.pump._thread.is_alive())


def test_a_forked_process_forgets_its_threads(line: Line) -> None:
    with line.pump.lock:
        pid = os.fork()
        if pid == 0:
            line.pump.abandon()
            line.pump.nudge(now=True)
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


# Several threads


def test_who_reads_for_another_wakes_it(still: Line) -> None:
    waiter = Waiter(still, 1)
    wait_until(still.asleep)
    still.calls[2] = lambda: still.came.add(1)  # without input that could wake it
    with still.pump.lock:
        still.outbox.append(2)
        still.pump.nudge(now=True)
        assert still.came == {1, 2}
        # Its poll saw the input come, or not: let it see nothing.
    assert waiter.was_in_time()


class BlindPoll:
    """A poll that sees only the wake-up: others have read the input before it."""

    def __init__(self, poll: select.poll, blind_to: int) -> None:
        self.poll_inner, self.blind_to = poll, blind_to
        self.poll_inner.unregister(blind_to)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        return self.poll_inner.poll(timeout)


def test_who_finds_nothing_left_to_read_is_woken(still: Line) -> None:
    still.pump._leading.poll = BlindPoll(still.pump._leading.poll, still.near.fileno())  # type: ignore[assignment]
    waiter = Waiter(still, 1)
    wait_until(still.asleep)
    still.send(1, now=True)
    assert waiter.was_in_time()


def test_who_is_about_to_sleep_is_woken(still: Line) -> None:
    still.pump._leading.poll = BlindPoll(still.pump._leading.poll, still.near.fileno())  # type: ignore[assignment]
    asked = threading.Event()
    go_on = threading.Event()

    def done() -> bool:
        found = 1 in still.came
        asked.set()
        go_on.wait(LONG)
        return found

    ended = threading.Event()

    def wait() -> None:
        still.pump.wait(done, still.follow, time.monotonic() + LONG)
        ended.set()

    waiter = threading.Thread(target=wait)
    go_on.set()
    waiter.start()
    wait_until(still.asleep)
    go_on.clear()
    asked.clear()
    still.pump._leading.wake()  # it looks once more, in vain …
    assert asked.wait(LONG)
    still.send(1, now=True)  # … and meanwhile another reads it
    go_on.set()
    assert ended.wait(LONG / 4)
    waiter.join()


class Nest:
    """An engine whose task waits, and that has others to run."""

    depth = 1
    descriptor = 0

    def __init__(self) -> None:
        self.calls: list[str] = []

    def applies(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Callable[[], bool]:
        return lambda: self.calls.append(name) or True


def test_who_waits_apart_lets_its_engine_run_nothing_on_top(
    still: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    nest = Nest()
    monkeypatch.setattr("parallel.transport.nesting.current", nest)
    assert not still.pump.wait_apart(
        lambda: False, still.follow, time.monotonic() + 10 * module.NEST_AFTER
    )
    still.outbox.append(1)
    assert still.pump.wait_apart(
        lambda: 1 in still.came, still.follow, time.monotonic() + LONG
    )
    assert not nest.calls


def test_who_follows_keeps_its_deadline(still: Line) -> None:
    waiter = Waiter(still, 1)
    wait_until(still.asleep)
    assert not still.wait(2, timeout=0.05)
    still.send(1, now=True)
    assert waiter.was_in_time()


def test_a_timer_that_a_nudge_sets_is_kept_by_the_background(line: Line) -> None:
    wait_until(lambda: line.pump._watching.asleep)
    line.timer = time.monotonic() + 0.02
    line.pump.nudge(now=True)
    turns = line.turns
    wait_until(lambda: line.turns > turns)
    line.timer = None


def test_what_a_leader_leaves_unread_is_read_in_the_background(line: Line) -> None:
    """A zmq descriptor tells of input once, and to the thread that saw it first."""
    wait_until(lambda: line.pump._watching.asleep)
    watching = line.pump._watching
    watching.poll = BlindPoll(watching.poll, line.near.fileno())  # type: ignore[assignment]
    watching.wake()  # it sleeps in the other one by now
    wait_until(lambda: line.pump._watching.asleep)
    line.echoing = False
    waiter = Waiter(line, 1)
    wait_until(line.asleep)
    line.far.sendall(b"".join(n.to_bytes(4, "big") for n in range(1, 30)))
    assert waiter.was_in_time()
    wait_until(lambda: line.came == set(range(1, 30)))


@pytest.mark.slow
def test_the_background_leaves_a_call_to_who_waits(line: Line) -> None:
    """Both sleep; what wakes one must not be taken from the other."""
    wait_until(lambda: line.pump._watching.asleep)
    line.echoing = False
    waiter = Waiter(line, 1)
    wait_until(line.asleep)
    for number in range(2, 50):
        line.outbox.append(number)
        line.pump.nudge(now=False)
        wait_until(lambda: number in line.sent)  # noqa: B023
    line.echo(1)
    assert waiter.was_in_time()


def test_a_callback_waits_in_its_turn(still: Line) -> None:
    still.calls[1] = lambda: waited.append(still.send(2, now=False) or still.wait(2))
    waited: list[bool] = []
    still.outbox.append(1)
    assert still.wait(1)
    assert waited == [True]


def test_a_callback_waits_while_another_thread_leads(still: Line) -> None:
    waiter = Waiter(still, 9)
    wait_until(still.asleep)
    waited: list[bool] = []

    def wait_for_more() -> None:
        still.outbox.append(2)
        waited.append(still.wait(2, timeout=LONG / 8))

    still.calls[1] = wait_for_more
    still.send(1, now=True)
    wait_until(lambda: waited, timeout=LONG)
    still.send(9, now=True)
    assert waiter.was_in_time()
    assert waited == [True]


def test_while_a_callback_waits_others_can_send(still: Line) -> None:
    waiter = Waiter(still, 9)
    wait_until(still.asleep)
    sender = threading.Thread(target=still.send, args=(2,), kwargs={"now": True})

    def wait_for_another() -> None:
        sender.start()
        assert still.wait(2, timeout=LONG / 8)

    still.calls[1] = wait_for_another
    still.send(1, now=True)
    sender.join()
    still.send(9, now=True)
    assert waiter.was_in_time()


@pytest.mark.slow
def test_many_threads_send_and_wait(line: Line) -> None:
    rounds, threads = 100, 12
    slowest: list[float] = []

    def work(first: int) -> None:
        longest = 0.0
        for number in range(first, first + rounds):
            began = time.monotonic()
            line.send(number, now=number % 3 > 0)
            if number % 5 == 0:
                line.pump.look()
            assert line.wait(number)
            longest = max(longest, time.monotonic() - began)
        slowest.append(longest)

    workers = [
        threading.Thread(target=work, args=(i * rounds,)) for i in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(slowest) == threads
    assert max(slowest) < LONG / 4
    assert sorted(line.sent) == list(range(rounds * threads))


@pytest.mark.slow
def test_many_threads_wait_while_others_only_nudge(line: Line) -> None:
    numbers = range(200)
    waiters = [Waiter(line, number) for number in numbers[::10]]
    stop = threading.Event()

    def nudge() -> None:
        while not stop.is_set():
            line.pump.nudge(now=True)
            line.pump.nudge(now=False)
            stop.wait(0.001)

    nudgers = [threading.Thread(target=nudge) for _ in range(3)]
    for nudger in nudgers:
        nudger.start()
    for number in numbers:
        line.send(number, now=bool(number % 2))
    in_time = [waiter.was_in_time() for waiter in waiters]
    stop.set()
    for nudger in nudgers:
        nudger.join()
    assert all(in_time)
