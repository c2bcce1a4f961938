"""Connections break at any moment while all processes live: nothing is lost."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parallel import Client, TransportError
from parallel.client import connection
from parallel.protocol.connection import from_json
from tests.commands import running
from tests.integration.tasks import begin_and_wait_for, note, notes, wait_for
from tests.relay import Relay
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


class Site:
    """A controller, two engines and a client, each with a way of its own."""

    def __init__(self, rc: Client, client: Relay, engines: Relay) -> None:
        self.rc = rc
        self.client = client
        self.engines = engines


def over_relay(
    stack: contextlib.ExitStack, folder: Path, role: str
) -> tuple[Relay, Path]:
    """Return a relay to the controller, and a connection file that leads over it."""
    name = f"ipcontroller-{role}.json"
    file = Path(os.environ["IPYTHONDIR"]) / "profile_default/security" / name
    relay = Relay(from_json(file.read_bytes(), str(file)).urls[0])
    stack.callback(relay.close)
    return relay, relay.lead_over(file, folder / name)


@contextlib.contextmanager
def site(folder: Path, transport: str = "ipc", engine: str = "") -> Iterator[Site]:
    """Start a cluster whose connections lead over relays."""
    with contextlib.ExitStack() as stack:
        command = f"ipcontroller --transport={transport}"
        process = stack.enter_context(running(command))
        process.wait_for("listening")
        client, to_client = over_relay(stack, folder, "client")
        engines, to_engine = over_relay(stack, folder, "engine")
        for _ in range(2):
            stack.enter_context(running(f"ipengine --file={to_engine} {engine}"))
        rc = stack.enter_context(Client(to_client))
        rc.wait_for_engines(2, timeout=30)
        yield Site(rc, client, engines)
        process.end()


@contextlib.contextmanager
def cutting(*relays: Relay, seed: int, every: float = 0.15) -> Iterator[None]:
    """Break connections at random moments while the block lasts."""
    chance, over = random.Random(seed), threading.Event()

    def cut() -> None:
        while not over.wait(chance.uniform(0, 2 * every)):
            chance.choice(relays).cut(chance.choice(["reset", "one"]))

    thread = threading.Thread(target=cut, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def noted(path: str, number: int, size: int) -> Any:
    """Note that this ran, print it, and return as many bytes as asked for."""
    note(path, number)
    print(number)
    return number, np.full(size, number % 256, np.uint8)


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_result_comes_once_though_connections_are_cut(
    tmp_path: Path, transport: str, seed: int
) -> None:
    chance, starts = random.Random(seed), str(tmp_path / "starts")
    with site(tmp_path, transport) as here:
        lview = here.rc.load_balanced_view()
        ars: list[Any] = []
        sizes: list[int] = []
        with cutting(here.client, here.engines, seed=seed, every=0.07):
            for number in range(1500):
                sizes.append(chance.choice([0, 10, 1000, 100_000]))
                view = lview if number % 3 else here.rc[number % 2]
                ars.append(view.apply_async(noted, starts, number, sizes[-1]))
                if number % 50 == 0:
                    ars[chance.randrange(len(ars))].get(60)
            for number, ar in enumerate(ars):
                back, array = ar.get(60)
                assert back == number
                assert array.tobytes() == bytes([number % 256]) * sizes[number]
                assert ar.stdout == f"{number}\n"
            assert here.rc.ids == [0, 1]
    assert Counter(notes(starts)) == Counter(map(str, range(1500)))


def test_a_map_and_a_push_outlive_cuts(tmp_path: Path) -> None:
    with site(tmp_path) as here, cutting(here.client, here.engines, seed=3, every=0.3):
        lview, dview = here.rc.load_balanced_view(), here.rc[:]
        whole = np.random.default_rng(1).random(500_000)
        for _ in range(3):
            assert lview.map_sync(lambda x: x**2, range(3000), chunksize=10) == [
                x**2 for x in range(3000)
            ]
            dview.push({"whole": whole}, block=True)
            for back in dview["whole * 2"]:
                np.testing.assert_array_equal(back, whole * 2)


def test_a_task_that_runs_while_its_engine_is_cut_off_keeps_its_result(
    tmp_path: Path, begun: Path, gate: Path
) -> None:
    with site(tmp_path) as here:
        ar = here.rc[0].apply_async(begin_and_wait_for, str(begun), str(gate))
        behind = here.rc[0].apply_async(os.getpid)
        wait_until(begun.exists, what="beginning")
        here.engines.cut("closed")
        gate.touch()
        assert not ar.wait(1)
        here.engines.heal()
        assert ar.get(30) == behind.get(30)
        assert len(notes(begun)) == 1


def test_what_ended_before_a_long_task_does_not_wait_for_that_after_a_cut(
    tmp_path: Path, begun: Path, gate: Path
) -> None:
    first, last = str(tmp_path / "first"), tmp_path / "last"
    with site(tmp_path) as here:
        short = here.rc[0].apply_async(begin_and_wait_for, first, str(gate))
        long = here.rc[0].apply_async(begin_and_wait_for, str(begun), str(last))
        wait_until(Path(first).exists, what="beginning")
        here.engines.cut("closed")
        gate.touch()
        wait_until(begun.exists, what="beginning of the long one")
        here.engines.heal()
        assert isinstance(short.get(30), int)
        assert not long.ready()
        last.touch()
        assert short.get() == long.get(30)
        assert len(notes(first)) == len(notes(str(begun))) == 1


def wait_for_another(begun: str, gate: str) -> Any:
    """Have a task wait on engine 1, and wait for it; others run on top meanwhile."""
    from parallel import Client

    with Client() as rc:
        note(begun, "outer")
        return rc[1].apply_sync(wait_for, gate)


def test_an_engine_whose_task_waits_for_others_is_there_again_after_a_cut(
    tmp_path: Path, begun: Path, gate: Path
) -> None:
    with site(tmp_path) as here:
        outer = here.rc[0].apply_async(wait_for_another, str(begun), str(gate))
        wait_until(begun.exists, what="beginning")
        for number in range(3):
            here.engines.cut("reset")
            assert here.rc[0].apply_async(pow, 2, number).get(30) == 2**number
        assert not outer.ready()
        gate.touch()
        assert isinstance(outer.get(30), int)


def test_what_is_submitted_while_the_client_is_cut_off_is_done_later(
    tmp_path: Path,
) -> None:
    with site(tmp_path) as here:
        here.client.cut("closed")
        ars = [here.rc.load_balanced_view().apply_async(pow, 2, n) for n in range(100)]
        assert not ars[-1].wait(1)
        here.client.heal()
        assert [ar.get(30) for ar in ars] == [2**n for n in range(100)]


def cut_off_for_good(here: Site) -> None:
    """Cut a client off, and see that it has noticed."""
    here.client.cut("closed")
    wait_until(lambda: not here.rc._connection._calm, what="notice of the cut")


def test_what_was_submitted_while_cut_off_leaves_before_a_client_is_closed(
    tmp_path: Path,
) -> None:
    starts = tmp_path / "starts"
    with site(tmp_path) as here:
        cut_off_for_good(here)
        for number in range(10):
            here.rc[0].apply_async(note, str(starts), number)
        closing = threading.Thread(target=here.rc.close)
        closing.start()
        here.client.heal()
        closing.join(30)
        wait_until(lambda: len(notes(starts)) == 10, 30, "tasks")


def test_a_client_that_is_closed_while_cut_off_says_what_may_be_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LEAVING_MS", 300)
    with site(tmp_path) as here:
        cut_off_for_good(here)
        for number in range(10):
            here.rc[:].apply_async(pow, 2, number)
        here.rc.close()
        assert ": 20 tasks that were submitted last may not have arr" in caplog.text
        here.client.heal()


def test_a_half_open_connection_is_noticed_and_mended(
    tmp_path: Path, gate: Path
) -> None:
    with site(tmp_path, "tcp") as here:
        ar = here.rc[0].apply_async(wait_for, str(gate))
        here.client.cut("stale")
        here.engines.cut("stale")
        gate.touch()
        assert isinstance(ar.get(60), int)
        here.client.heal()
        here.engines.heal()
        assert here.rc[:].apply_sync(int) == [0, 0]


# Those who wait are told, and not for ever


def test_who_waits_is_told_that_there_is_no_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with site(tmp_path) as here:
        here.rc.explain_after = 3
        here.client.cut("closed")
        ar = here.rc[0].apply_async(int)
        assert not ar.wait(5)
        assert "no word from the controller at ipc://" in caplog.text
        assert "trying again; gives up after 60 s" in caplog.text
        assert "this still waits:\n- no word from the controller" in caplog.text
        here.client.heal()
        assert ar.get(30) == 0
        wait_until(lambda: "is there again after" in caplog.text, what="word of it")


def test_a_client_gives_up_after_its_reconnect_timeout(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.rc.reconnect_timeout = 1
        ar = here.rc[0].apply_async(wait_for, str(tmp_path / "never"))
        here.client.cut("closed")
        with pytest.raises(TransportError, match=r"no word from the controller"):
            ar.get(30)
        with pytest.raises(TransportError, match="reconnect_timeout"):
            here.rc[0].apply_async(int)
        here.client.heal()
        (tmp_path / "never").touch()


def test_an_engine_ends_after_its_reconnect_timeout(tmp_path: Path) -> None:
    with site(tmp_path, engine="--reconnect-timeout=1") as here:
        pids = here.rc[:].apply_sync(os.getpid)
        here.engines.cut("closed")
        wait_until(lambda: not here.rc.ids, what="end of the engines")
        assert not any(Path(f"/proc/{pid}/cwd").is_dir() for pid in pids)
