"""What an engine notes on its page can be read by another, also after its death."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from parallel.engine.page import LISTED, Page, open_page, open_unnamed


@pytest.fixture
def descriptor() -> Iterator[int]:
    descriptor = open_page()
    yield descriptor
    os.close(descriptor)


def test_a_new_page_tells_of_nothing(descriptor: int) -> None:
    page = Page(descriptor)
    assert page.read() == (0, 0, 0, 0, False)
    page.close()


def test_what_one_notes_another_reads(descriptor: int) -> None:
    engine, agent = Page(descriptor), Page(descriptor)
    engine.start(3, 100, 2**40)
    assert agent.read() == (3, 100, 2**40, 3, False)
    engine.leave()
    assert agent.read() == (3, 100, 2**40, 3, True)
    engine.start(4, 0, 0)
    assert agent.read() == (4, 0, 0, 4, False)
    engine.start(3, 200, 2**40)  # one that had waited goes on
    engine.close()
    assert agent.read() == (3, 200, 2**40, 4, False)
    agent.close()


def test_a_rank_notes_its_place_beside_what_it_does(descriptor: int) -> None:
    engine, watcher = Page(descriptor), Page(descriptor)
    assert watcher.place() is None
    engine.note_place(0, 4)
    engine.start(3, 100, 200)
    assert watcher.place() == (0, 4)
    assert watcher.read() == (3, 100, 200, 3, False)
    for page in (engine, watcher):
        page.close()


def test_it_outlives_a_killed_process(descriptor: int) -> None:
    pid = os.fork()
    if pid == 0:
        Page(descriptor).start(7, 8, 9)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    page = Page(descriptor)
    assert page.read() == (7, 8, 9, 7, False)
    page.close()


def test_listed_tasks_outlive_a_killed_process(descriptor: int) -> None:
    tasks = [b"a" * 24, b"b" * 30]
    pid = os.fork()
    if pid == 0:
        page = Page(descriptor)
        for task in tasks:
            page.enlist(task)
        page.start(7, 8, 9)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    page = Page(descriptor)
    assert page.listed() == tasks
    assert page.read() == (7, 8, 9, 7, False)
    page.close()


def test_a_full_list_takes_no_more_until_some_are_struck_off(descriptor: int) -> None:
    page, agent = Page(descriptor), Page(descriptor)
    tasks = [b"%024d" % number for number in range(LISTED)]
    for task in tasks:
        page.enlist(task)
    assert agent.listed() == tasks
    page.enlist(b"one more")
    assert agent.listed() is None, "there is another"
    page.relist([*tasks, b"one more"])
    assert agent.listed() is None, "there may be others"
    page.relist(tasks[-2:])
    page.enlist(b"one more")
    assert agent.listed() == [*tasks[-2:], b"one more"]
    page.close()
    agent.close()


def test_a_closed_page_can_be_closed(descriptor: int) -> None:
    page = Page(descriptor)
    page.close()
    page.close()


def test_an_unnamed_file_without_the_systems_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    descriptor = open_unnamed("parallel-test")
    try:
        assert os.fstat(descriptor).st_nlink == 0
        assert os.write(descriptor, b"text") == 4
    finally:
        os.close(descriptor)
