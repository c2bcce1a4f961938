"""What a task prints, by whatever means, is told with that task."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from parallel import Client, EngineError
from tests.integration.tasks import wait_for
from tests.waiting import wait_until


def say(*words: object) -> None:
    print(*words)


def test_of_python(cluster: Client) -> None:
    def talk() -> str:
        print("out")
        print("err", file=sys.stderr)
        sys.__stdout__.write("no line's end")  # type: ignore[union-attr]
        return "value"

    ar = cluster[-1].apply_async(talk)
    assert ar.get() == "value"
    assert (ar.stdout, ar.stderr) == ("out\nno line's end", "err\n")
    assert ar["stdout"] == ar.metadata.stdout == ar.stdout


def test_of_c_code_and_child_processes_in_order(cluster: Client) -> None:
    def talk() -> None:
        print("python")
        os.write(1, b"descriptor\n")
        ctypes.CDLL(None).puts(b"C")
        ctypes.CDLL(None).fflush(None)
        subprocess.run(["sh", "-c", "echo child; echo error >&2"], check=True)
        os.system("echo shell")
        print("python again")

    ar = cluster.load_balanced_view().apply_async(talk)
    ar.get()
    assert ar.stdout.split() == [
        "python", "descriptor", "C", "child", "shell", "python", "again",
    ]  # fmt: skip
    assert ar.stderr == "error\n"


def test_of_c_code_that_does_not_flush(cluster: Client) -> None:
    ar = cluster[-1].apply_async(lambda: ctypes.CDLL(None).printf(b"buffered"))
    assert ar.get() == len("buffered")
    assert ar.stdout == "buffered"


def test_each_engines_own(cluster: Client) -> None:
    ar = cluster[:].apply_async(lambda: print(os.getpid()))
    ar.get()
    pids = cluster[:].apply_sync(os.getpid)
    assert ar.stdout == [f"{pid}\n" for pid in pids]


def test_each_tasks_own(cluster: Client) -> None:
    lview = cluster.load_balanced_view()
    ars = [lview.apply_async(say, "task", i) for i in range(500)]
    cluster.wait(ars)
    assert [ar.stdout for ar in ars] == [f"task {i}\n" for i in range(500)]


def test_of_a_chunk_of_a_map(cluster: Client) -> None:
    ar = cluster.load_balanced_view().map_async(say, range(9), chunksize=3)
    ar.get()
    assert ar.stdout == ["0\n1\n2\n", "3\n4\n5\n", "6\n7\n8\n"]


def test_of_execute_and_of_a_file(cluster: Client, tmp_path: Path) -> None:
    file = tmp_path / "talk.py"
    file.write_text("print('from the file')\n")
    ar = cluster[:2].execute("print('executed')", block=True)
    assert ar.stdout == ["executed\n"] * 2
    ar = cluster[-1].run(str(file), block=True)
    assert ar.stdout == "from the file\n"


def test_of_a_task_that_fails(cluster: Client) -> None:
    def fail() -> None:
        print("before")
        raise ValueError("why")

    ar = cluster[-1].apply_async(fail)
    assert isinstance(ar.exception(), ValueError)
    assert ar.stdout == "before\n"


@pytest.mark.slow
def test_of_a_thread_that_goes_on(cluster: Client, tmp_path: Path) -> None:
    gate, other = tmp_path / "gate", cluster[-1]

    def leave_a_thread(path: str) -> None:
        def late() -> None:
            wait_for(path)
            print("late")

        threading.Thread(target=late).start()
        print("early")

    ar = other.apply_async(leave_a_thread, str(gate))
    ar.get()
    assert ar.stdout == "early\n"
    gate.touch()
    wait_until(lambda: ar.stdout == "early\nlate\n", what="output of the thread")


@pytest.mark.slow
def test_while_the_task_runs(cluster: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def talk(path: str) -> None:
        print("working")
        print("hard", file=sys.stderr)
        wait_for(path)
        print("done")
        print("at last", file=sys.stderr)

    ar = cluster[-1].apply_async(talk, str(gate))
    wait_until(lambda: ar.stdout == "working\n", what="output of a running task")
    wait_until(lambda: ar.stderr == "hard\n", what="errors of a running task")
    assert not ar.ready()
    gate.touch()
    ar.get()
    assert (ar.stdout, ar.stderr) == ("working\ndone\n", "hard\nat last\n")


def draw(*lines: str) -> None:
    """Draw one line after the other in the same place, as bars are drawn."""
    for line in lines:
        print(f"\r{line}", end="", file=sys.stderr)
        print(line, end="\r")
    print("end")


def test_a_line_that_was_drawn_anew_is_told_as_it_was_last(cluster: Client) -> None:
    ar = cluster[-1].apply_async(draw, "10%", "20%", "30%")
    ar.get()
    assert (ar.stdout, ar.stderr) == ("end\n", "30%")
    assert (ar.metadata.stdout, ar["stderr"]) == ("end\n", "30%")
    executed = cluster[-1].execute("print('a\\rb')", block=True)
    assert executed.stdout == executed.get().stdout == "b\n"
    recorded = cluster.get_result(executed.msg_ids[0])
    recorded.get()
    assert recorded.stdout == "b\n"


@pytest.mark.slow
def test_a_bar_of_a_running_task_moves(cluster: Client, tmp_path: Path) -> None:
    gates = [str(tmp_path / "first"), str(tmp_path / "second")]

    def draw_and_wait(gates: list[str]) -> None:
        for i, gate in enumerate(gates):
            print(f"\r{i} of 2", end="", file=sys.stderr)
            wait_for(gate)
        print("\r2 of 2", file=sys.stderr)

    ar = cluster[-1].apply_async(draw_and_wait, gates)
    for i, gate in enumerate(gates):
        wait_until(lambda i=i: ar.stderr == f"{i} of 2", what="the bar as it stands")
        Path(gate).touch()
    ar.get()
    assert ar.stderr == "2 of 2\n"


@pytest.mark.parametrize("balanced", [False, True])
def test_of_an_engine_that_died(cluster: Client, balanced: bool) -> None:
    def talk_and_die() -> None:
        print("last words")
        print("oh", file=sys.stderr)
        os._exit(1)

    view: Any = cluster.load_balanced_view() if balanced else cluster[-1]
    ar = view.apply_async(talk_and_die)
    with pytest.raises(EngineError):
        ar.get()
    cluster.wait_for_engines(4, timeout=5)
    assert (ar.stdout, ar.stderr) == ("last words\n", "oh\n")


@pytest.mark.slow
def test_of_an_engine_that_died_after_a_while(cluster: Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def talk_and_die(path: str) -> None:
        print("x" * 3_000_000)
        wait_for(path)
        print("last words")
        os._exit(1)

    ar = cluster[-1].apply_async(talk_and_die, str(gate))
    wait_until(lambda: len(ar.stdout) > 3_000_000, what="output of a running task")
    gate.touch()
    with pytest.raises(EngineError):
        ar.get()
    assert ar.stdout.strip("x") == "\nlast words\n"
    cluster.wait_for_engines(4, timeout=5)


@pytest.mark.slow
def test_a_flood_is_cut_and_told(cluster: Client) -> None:
    def flood() -> None:
        print("begin")
        for _ in range(1000):  # 100 MB, some of which is told before it ends
            sys.stdout.write("x" * 99_999 + "\n")
        print("end")

    ar = cluster[-1].apply_async(flood)
    ar.get()
    assert len(ar.stdout) < 9 << 20
    assert ar.stdout.startswith("begin\nxxx")
    assert ar.stdout.endswith("xxx\nend\n")
    assert "characters of output cut here" in ar.stdout
    after = cluster[-1].apply_async(say, "after")
    after.get()
    assert after.stdout == "after\n"


def test_of_another_alphabet(cluster: Client) -> None:
    text = "Grüße, κόσμε, 世界 🌍"
    ar = cluster[-1].apply_async(say, text)
    ar.get()
    assert ar.stdout == f"{text}\n"
    ar = cluster[-1].apply_async(os.write, 1, b"\xff\xfe no text")
    ar.get()
    assert ar.stdout.endswith(" no text")


@pytest.mark.parametrize(
    "harm", ["sys.stdout = None", "sys.stdout.close()", "del sys.stdout"]
)
def test_a_task_that_spoils_its_stdout(rc: Client, harm: str) -> None:
    engine = rc[0]
    with contextlib.suppress(Exception):
        engine.execute(f"import sys; {harm}", block=True)
    ar = engine.apply_async(os.write, 1, b"still heard")
    ar.get()
    assert ar.stdout == "still heard"
    ar = engine.execute("sys.stdout = open(1, 'w', closefd=False); print('again')")
    ar.get()
    assert ar.stdout == "again\n"


def test_nothing_is_read_from_a_terminal(cluster: Client) -> None:
    assert cluster[-1].apply_sync(os.read, 0, 10) == b""
    with pytest.raises(EOFError):
        cluster[-1].apply_sync(input, "name? ")


def test_the_root_logger_is_the_users(rc: Client) -> None:
    def log_by_default() -> None:
        import logging

        logging.getLogger("mine").warning("look")

    def configure() -> None:
        import logging

        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
        logging.getLogger("mine").info("at last")

    first = rc[0].apply_async(log_by_default)
    first.get(timeout=10)
    assert first.stderr == "look\n"
    second = rc[0].apply_async(configure)
    second.get(timeout=10)
    assert second.stderr == "mine: at last\n"
