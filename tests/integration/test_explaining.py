"""A call that waits for long says for what; and so it does when it is asked."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from parallel import AsyncResult, Client, as_completed
from tests.integration.processes import engines_of
from tests.integration.tasks import begin_and_wait_for, note, notes, wait_for
from tests.waiting import wait_until


@pytest.fixture
def impatient(rc: Client) -> Iterator[Client]:
    """Lend a client that says soon what it waits for."""
    rc.explain_after = 0.2
    yield rc
    rc.explain_after = 30.0


def test_a_task_that_runs_is_told_with_its_engine(
    rc: Client, gate: Path, begun: Path
) -> None:
    result = rc[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    said = rc.explain(result)
    gate.touch()
    assert said.startswith(f"begin_and_wait_for ({result.msg_ids[0]}) has been running")
    assert said.endswith("on engine 1, which is alive")
    result.get(timeout=10)
    assert rc.explain(result) == rc.explain() == ""


def test_while_a_bar_is_drawn(
    impatient: Client, gate: Path, begun: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = impatient[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    with caplog.at_level(logging.WARNING, "parallel.client"):
        result.wait_interactive(interval=0.05, timeout=0.5)
    gate.touch()
    told, *_ = caplog.messages  # and once more if 0.4 s were waited in one piece
    assert "still waits" in told
    assert "has been running" in told
    result.get(timeout=10)


def test_a_stopped_engine_is_told_as_such(rc: Client, gate: Path, begun: Path) -> None:
    pid = engines_of(rc)[0]
    result = rc[0].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(lambda: notes(begun), what="a task that runs")
    os.kill(pid, signal.SIGSTOP)
    try:
        said = rc.explain()
    finally:
        os.kill(pid, signal.SIGCONT)
        gate.touch()
    assert said.endswith("does not answer: its process is stopped (SIGSTOP)")
    result.get(timeout=10)


def hold_the_lock(begun: str, seconds: int) -> None:
    """Call C code that sleeps, and does not let go of the interpreter's lock."""
    import ctypes

    note(begun, os.getpid())
    ctypes.PyDLL(None).sleep(seconds)


def test_an_engine_whose_c_code_holds_the_lock_is_told_to_be_alive(
    rc: Client, begun: Path
) -> None:
    result = rc[0].apply_async(hold_the_lock, str(begun), 4)
    wait_until(lambda: notes(begun), what="a task that runs")
    said = rc.explain(result)
    assert "which is alive, and cannot answer: its code holds the GIL" in said
    assert result.get(timeout=30) is None


def test_those_that_wait_say_why(rc: Client, gate: Path) -> None:
    lview = rc.load_balanced_view()
    busy = [lview.apply_async(wait_for, str(gate)) for _ in rc.ids]
    queued = [lview.apply_async(abs, -1) for _ in range(5)]
    with lview.temp_flags(after=queued):
        later = lview.apply_async(abs, -2)
    with lview.temp_flags(resources={"gpu": 1}):
        hopeless = lview.apply_async(abs, -3)
    said = rc.explain().splitlines()
    gate.touch()
    assert any("are in the queue: all 2 engines are busy" in line for line in said)
    assert any(line.startswith("1 is waiting for") for line in said)
    assert "1 is in the queue: no engine suits it, which needs gpu=1" in said
    hopeless.cancel()
    rc.wait([*busy, *queued, later], timeout=10)


def test_a_wait_that_takes_long_says_so_by_itself(
    impatient: Client, gate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    result = impatient[0].apply_async(wait_for, str(gate))
    caplog.set_level(logging.WARNING, "parallel.client")
    with pytest.raises(TimeoutError):
        result.get(timeout=1)
    gate.touch()
    impatient.wait(result)
    first, *more = (record.getMessage() for record in caplog.records)
    assert re.match(r"after [\d.]+ s this still waits:\n- wait_for \(", first)
    assert "which is alive" in first
    assert len(more) <= 4, "it is said at ever longer intervals"


async def gathered(results: Sequence[AsyncResult]) -> None:
    await asyncio.gather(*results)


async def one_by_one(results: Sequence[AsyncResult]) -> None:
    async for result in as_completed(results):
        await result


@pytest.mark.parametrize("await_all", [gathered, one_by_one])
def test_what_is_awaited_for_long_is_told_once_for_all(
    impatient: Client,
    gate: Path,
    caplog: pytest.LogCaptureFixture,
    await_all: Callable[[Sequence[AsyncResult]], Coroutine[Any, Any, None]],
) -> None:
    results = [impatient[:].apply_async(wait_for, str(gate)) for _ in range(20)]
    results.append(impatient[:].map_async(wait_for, [str(gate)] * 2))
    caplog.set_level(logging.WARNING, "parallel.client")

    async def let_go_once_it_is_told() -> None:
        waiting = asyncio.create_task(await_all(results))
        while not caplog.messages:
            await asyncio.sleep(0.01)
        gate.touch()
        await waiting

    asyncio.run(asyncio.wait_for(let_go_once_it_is_told(), 30))
    told = caplog.messages[0]
    assert re.match(r"after [\d.]+ s this still waits:\n- wait_for \(", told)
    assert "which is alive" in told
    assert len(caplog.messages) < 10


def test_what_is_awaited_and_comes_soon_is_not_told(
    rc: Client, caplog: pytest.LogCaptureFixture
) -> None:
    rc.explain_after = 2.0

    async def await_one_after_the_other() -> None:
        begin = time.monotonic()
        while time.monotonic() < begin + 2.5:
            results = [rc[:].apply_async(os.getpid) for _ in range(10)]
            await asyncio.gather(*results)

    asyncio.run(await_one_after_the_other())
    assert not caplog.messages


def test_a_wait_for_engines_says_how_many_there_are(
    impatient: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "parallel.client")
    with pytest.raises(TimeoutError):
        impatient.wait_for_engines(5, timeout=0.5, interactive=False)
    assert "2 of 5 engines are there" in caplog.text


def test_it_can_be_turned_off(
    impatient: Client, gate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    impatient.explain_after = None
    result = impatient[0].apply_async(wait_for, str(gate))
    assert not result.wait(0.5)
    gate.touch()
    assert result.wait(10)
    assert not caplog.records


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_what_makes_no_sense_is_refused(rc: Client, seconds: float) -> None:
    with pytest.raises(ValueError, match="explain_after is more than 0 s, or None"):
        rc.explain_after = seconds
    assert rc.explain_after == 30.0


def test_arguments_that_have_not_arrived_at_their_engine_are_told(rc: Client) -> None:
    pid = engines_of(rc)[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        result = rc[0].apply_async(len, bytes(64 << 20))
        told = "len ({}) with 64 MiB of arguments has been on its way for"
        told = told.format(result.msg_ids[0])
        wait_until(lambda: told in rc.explain(result), what="the words")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert result.get(timeout=60) == 64 << 20
