"""What a task has shown is there, though its engine dies right after that."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from parallel import Client, CompositeError
from parallel.datapub import publish_data

pytestmark = pytest.mark.slow


def die(how: str) -> None:
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        import ctypes

        ctypes.string_at(0)
    os._exit(3)


@pytest.mark.parametrize("how", ["killed", "segfault", "exit"])
def test_what_is_printed_and_published(cluster: Client, how: str) -> None:
    def show_and_die(how: str) -> None:
        for i in range(10):
            print(i)
        publish_data({"last": 9})
        die(how)

    cluster.wait_for_engines(4, timeout=30)
    ar = cluster[:].apply_async(show_and_die, how)
    ar.wait(60)
    with pytest.raises(CompositeError):
        ar.get()
    assert ar.stdout == ["0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"] * 4
    assert ar.data == [{"last": 9}] * 4


@pytest.mark.parametrize("how", ["killed", "segfault"])
def test_what_is_displayed(cluster: Client, how: str) -> None:
    pytest.importorskip("IPython")

    def show_and_die(how: str) -> None:
        from IPython.display import HTML, display

        display("first", HTML("<b>last</b>"))
        die(how)

    cluster.wait_for_engines(4, timeout=30)
    ar = cluster[:].apply_async(show_and_die, how)
    ar.wait(60)
    for shown in ar.outputs:
        first, last = shown
        assert first["data"]["text/plain"] == "'first'"
        assert last["data"]["text/html"] == "<b>last</b>"


def test_the_begin_of_much_and_its_end(cluster: Client) -> None:
    def talk_and_die() -> None:
        for i in range(40_000):
            print(i)
        os.kill(os.getpid(), signal.SIGKILL)

    cluster.wait_for_engines(4, timeout=30)
    ar = cluster[-1].apply_async(talk_and_die)
    ar.wait(60)
    assert ar.stdout.endswith("39998\n39999\n")
    cluster.wait_for_engines(4, timeout=30)


def test_a_line_that_was_begun(cluster: Client) -> None:
    def begin_and_die() -> None:
        pid = os.fork()
        if not pid:
            print("of a child", end="")
            os._exit(0)
        os.waitpid(pid, 0)
        print("a line\nbegun ", end="")
        print("and", "more \u00e4", end="")
        print("x" * 5000, end="", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGKILL)

    cluster.wait_for_engines(4, timeout=30)
    ar = cluster[-1].apply_async(begin_and_die)
    ar.wait(60)
    assert ar.stdout == "a line\nbegun and more \u00e4"
    assert ar.stderr == "x" * 5000
    cluster.wait_for_engines(4, timeout=30)
