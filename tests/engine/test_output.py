"""Whatever prints, it is caught, in order and whole, or said to be cut.

Each test runs a program of its own, for a capture takes the descriptors 1 and 2.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parallel.engine.output import open_stream, read_from
from tests import ROOT

PROGRAM = """
import ctypes, io, json, os, subprocess, sys, threading
from parallel.engine.output import Capture, open_stream
from parallel.state import excerpt

libc = ctypes.CDLL(None)
streams = open_stream("stdout"), open_stream("stderr")
capture = Capture(*streams)
{source}
sys.stdout = sys.__stdout__
with open(sys.argv[1], "w") as file:
    json.dump(told, file)
"""

Captured = Callable[[str], Any]


@pytest.fixture
def captured(tmp_path: Path) -> Captured:
    """Return what runs a program and gives what it calls `told`."""

    def run(source: str) -> Any:
        result = tmp_path / "told.json"
        program = PROGRAM.format(source=textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, "-c", program, result],
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert (done.returncode, done.stdout) == (0, b"")
        return json.loads(result.read_text())

    return run


def test_what_python_prints(captured: Captured) -> None:
    assert captured(
        """
        print("out")
        print("err", file=sys.stderr)
        sys.stdout.write("no newline")
        print(" é \\ud800")
        told = capture.take(), capture.take()
        """
    ) == [["out\nno newline é \\ud800\n", "err\n"], ["", ""]]


def test_what_c_and_children_print_in_order(captured: Captured) -> None:
    assert captured(
        """
        print("python")
        os.write(1, b"descriptor\\n")
        subprocess.run(["echo", "child"])
        subprocess.run("echo child >&2", shell=True)
        libc.printf(b"c %d, ", 1)
        libc.printf(b"c %d\\n", 2)
        libc.fflush(None)
        if (pid := os.fork()) == 0:
            print("fork", flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        libc.printf(b"not flushed")
        told = capture.take()
        """
    ) == ["python\ndescriptor\nchild\nc 1, c 2\nfork\nnot flushed", "child\n"]


def test_c_code_that_keeps_others_waiting_may_print_much(captured: Captured) -> None:
    assert captured(
        """
        holding = ctypes.PyDLL(None)  # keeps the interpreter's lock
        for _ in range(50):
            holding.puts(b"x" * 100_000)
        stdout, _ = capture.take()
        told = [len(stdout), stdout.count("\\n")]
        """
    ) == [5_000_050, 50]


def test_c_code_that_waits_for_input_keeps_nobody_waiting(captured: Captured) -> None:
    assert captured(
        """
        libc.fdopen.restype = ctypes.c_void_p
        end, other_end = os.pipe()
        file = ctypes.c_void_p(libc.fdopen(end, b"r"))
        line = ctypes.create_string_buffer(10)
        waiting = threading.Thread(target=libc.fgets, args=(line, 10, file))
        waiting.start()
        print("meanwhile")
        taken = []
        taking = threading.Thread(target=lambda: taken.append(capture.take()))
        taking.start()
        taking.join(5)
        told = list(taken)
        os.write(other_end, b"line\\n")
        for thread in waiting, taking:
            thread.join()
        """
    ) == [["meanwhile\n", ""]]


def test_what_threads_print(captured: Captured) -> None:
    lines = captured(
        """
        def work(i):
            for j in range(200):
                os.write(1, b"%d %d\\n" % (i, j))
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads: thread.start()
        parts = []
        while any(thread.is_alive() for thread in threads):
            parts.append(capture.take()[0])
        parts.append(capture.take()[0])
        told = "".join(parts).splitlines()
        """
    )
    assert sorted(lines) == sorted(f"{i} {j}" for i in range(4) for j in range(200))


def test_much_output_is_told_whole(captured: Captured) -> None:
    assert captured(
        """
        print("x" * 7_000_000)
        print("end")
        stdout, _ = capture.take()
        told = [len(stdout), stdout[-5:]]
        """
    ) == [7_000_005, "\nend\n"]


def test_too_much_output_is_cut_in_its_middle(captured: Captured) -> None:
    first, said, last, rest = captured(
        """
        os.write(1, b"begin" + b"x" * (20 << 20) + b"end")
        stdout, _ = capture.take()
        first, _, stdout = stdout.partition("\\n")
        said, _, last = stdout.partition("\\n")
        print("next")
        ends = [first[:6], len(first)], [last[-4:], len(last)]
        told = [ends[0], said, ends[1], capture.take()]
        """
    )
    assert (first, last) == (["beginx", 4 << 20], ["xend", 4 << 20])
    assert said == f"[... {(12 << 20) + 8:,} characters of output cut here ...]"
    assert rest == ["next\n", ""]


def test_a_character_may_come_in_two_parts(captured: Captured) -> None:
    assert captured(
        """
        told = []
        for part in "é".encode()[:1], "é".encode()[1:], b"\\xff", b"ok":
            os.write(1, part)
            told.append(capture.look()[2])
        """
    ) == ["", "é", "\ufffd", "ok"]


def test_a_character_that_is_never_ended_stays_with_its_task(
    captured: Captured,
) -> None:
    assert (
        captured(
            """
        told = []
        for looks in False, True:
            capture.begin(1)
            os.write(1, b"a\\xe2\\x82")
            if looks:
                capture.look()
            told.append(capture.take()[0])
            capture.begin(2)
            print("next")
            told.append(capture.take()[0])
        """
        )
        == ["a\ufffd", "next\n"] * 2
    )


def test_what_was_read_takes_no_room(captured: Captured) -> None:
    size, used = captured(
        """
        for _ in range(10):
            os.write(1, b"x" * (1 << 20))
            capture.take()
        found = os.fstat(streams[0])
        told = found.st_size, found.st_blocks * 512
        """
    )
    assert size == 10 << 20
    assert used <= 3 << 20


# Somebody truncates it


@pytest.mark.parametrize(
    "truncate",
    [
        "os.ftruncate(1, 0); os.write(1, b'new')",
        "os.system('printf new > /dev/stdout')",
    ],
)
def test_a_truncated_stream_is_read_from_its_new_begin(
    captured: Captured, truncate: str
) -> None:
    assert captured(
        f"""
        print("x" * 100)
        told = [len(capture.take()[0])]
        {truncate}
        capture.repair()
        told.append(capture.take()[0])
        print("next")
        told.append(capture.take()[0])
        """
    ) == [101, "new", "next\n"]


def test_a_whole_stream_needs_no_repair(captured: Captured) -> None:
    assert captured(
        """
        print("first")
        capture.repair()
        told = [capture.take()[0]]
        capture.repair()
        told.append(capture.take()[0])
        """
    ) == ["first\n", ""]


# Whatever the user puts in the place of sys.stdout


@pytest.mark.parametrize("other", ["io.StringIO()", "None", "5", "open(os.devnull)"])
def test_another_stdout_is_left_alone(captured: Captured, other: str) -> None:
    assert captured(
        f"""
        sys.stdout = other = {other}
        print("elsewhere") if isinstance(other, io.StringIO) else None
        os.write(1, b"here")
        told = capture.take()
        """
    ) == ["here", ""]


def test_a_closed_stdout(captured: Captured) -> None:
    assert captured(
        "sys.stdout.close(); os.write(1, b'here'); told = capture.take()"
    ) == ["here", ""]


# Shown while the task runs


def test_what_was_shown_is_told_again_at_the_end_of_its_task(
    captured: Captured,
) -> None:
    assert captured(
        """
        capture.begin(7)
        print("first")
        told = [capture.look()]
        print("second")
        told += [capture.look(), capture.look(), capture.take()]
        """
    ) == [
        [7, True, "first\n", ""],
        [7, True, "second\n", ""],
        [7, True, "", ""],
        ["first\nsecond\n", ""],
    ]


def test_what_is_printed_after_a_task_is_shown_once(captured: Captured) -> None:
    assert captured(
        """
        capture.begin(7)
        capture.take()
        print("late")
        told = [capture.look()]
        capture.begin(8)
        told.append(capture.take())
        """
    ) == [[7, False, "late\n", ""], ["", ""]]


def test_of_what_was_shown_the_begin_and_the_end_are_kept(captured: Captured) -> None:
    (told,) = captured(
        """
        excerpt.HALF = 5
        capture.begin(7)
        for text in "abcd", "efgh", "ijkl", "mnop":
            print(text, end="", flush=True)
            capture.look()
        told = [capture.take()[0]]
        """
    )
    assert told == "abcde\n[... 6 characters of output cut here ...]\nlmnop"


@pytest.mark.parametrize("looks", [0, 1, 3, 12])
def test_whether_it_was_shown_or_not_as_much_is_told(
    captured: Captured, looks: int
) -> None:
    begin, said, end, rest = captured(
        f"""
        capture.begin(7)
        for i in range(12):
            os.write(1, b"begin " + b"x" * (1 << 20) + b" end")
            if i < {looks}:
                capture.look()
        begin, said, end = capture.take()[0].split("\\n")
        told = [begin[:7], len(begin)], said, [end[-5:], len(end)], capture.take()
        """
    )
    assert (begin, end) == (["begin x", 4 << 20], ["x end", 4 << 20])
    assert said == f"[... {(4 << 20) + 120:,} characters of output cut here ...]"
    assert rest == ["", ""]


# After its death


def test_the_last_of_a_stream_can_be_read_by_another() -> None:
    descriptor = open_stream("test")
    try:
        os.write(descriptor, b"first, " + "é and last".encode())
        assert read_from(descriptor, 0) == "first, é and last"
        assert read_from(descriptor, 7) == "é and last"
        assert read_from(descriptor, 0, most=4) == "last"
        assert read_from(descriptor, 8, most=100) == "\ufffd and last"
        assert read_from(descriptor, 1000) == ""
    finally:
        os.close(descriptor)


def test_a_task_on_top_of_another_has_its_own(captured: Captured) -> None:
    assert captured(
        """
        told = []
        capture.begin(1)
        print("one")
        told.append(capture.look())
        print("two")
        paused, *shown = capture.pause()
        told.append(shown)
        capture.begin(2)
        print("three", file=sys.stderr)
        print("four")
        told.append(capture.take())
        capture.go_on(paused)
        print("five")
        told.append(capture.look())
        told.append(capture.take())
        """
    ) == [
        [1, True, "one\n", ""],
        ["two\n", ""],
        ["four\n", "three\n"],
        [1, True, "five\n", ""],
        ["one\ntwo\nfive\n", ""],
    ]


def test_what_will_be_cut_of_a_flood_takes_no_memory(captured: Captured) -> None:
    told = captured(
        """
        for _ in range(64):
            os.write(1, b"x" * (1 << 20))
            capture.trim()
        taken = os.fstat(streams[0]).st_blocks * 512
        told = [taken, capture.trim(), len(capture.take()[0])]
        """
    )
    taken, trims, length = told
    assert trims
    assert taken < 12 << 20
    assert 8 << 20 <= length < 9 << 20


def test_who_waits_for_it_is_told_of_each_line(captured: Captured) -> None:
    assert captured(
        """
        told = []
        Capture(*streams, lambda: told.append(os.fstat(streams[0]).st_size))
        print("one")
        print("two", flush=True)
        os.write(1, b"past Python")
        """
    ) == [4, 8]


def test_how_far_a_task_has_printed_is_known_and_told_later(
    captured: Captured,
) -> None:
    assert captured(
        """
        capture.begin(1)
        print("one", end="")
        first = capture.reach()
        print("two", file=sys.stderr)
        told = [first, capture.reach(), capture.look(), capture.take()]
        """
    ) == [[3, 0], [3, 4], [1, True, "one", "two\n"], ["one", "two\n"]]
