"""Source text runs on engines as in a session: plain Python, and what IPython adds."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from parallel import Client
from parallel.errors import RemoteError, TaskAborted
from tests.integration.tasks import fail_before_a_line, notes
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def has_ipython() -> bool:
    return "IPython" in sys.modules


# Without IPython


def test_plain_text_does_without_ipython(rc: Client) -> None:
    view = rc[:]
    view.execute("a = 6\nprint(a)", block=True)
    assert view["a"] == [6] * 2
    if rc[1].execute("b = 1").get().execution_count:
        assert not rc[1].apply_sync(has_ipython)
    assert view.apply_sync(has_ipython) == [False] * 2


def test_who_asks_is_told_that_nobody_answers(cluster: Client) -> None:
    for ask in (
        lambda: cluster[0].apply_sync(input, "name? "),
        lambda: cluster[0].execute("input('name? ')", block=True),
        lambda: cluster[0].execute("%pwd\ninput('name? ')", block=True),
    ):
        with pytest.raises(EOFError, match="nobody answers input"):
            ask()


@pytest.mark.parametrize("leave", ["quit()", "import builtins; builtins.exit(3)"])
def test_who_leaves_ends_their_task_and_leaves_all_to_the_next(
    cluster: Client, leave: str
) -> None:
    with pytest.raises(RemoteError, match="SystemExit"):
        cluster[1].execute(leave, block=True)
    assert cluster[1]["__import__('sys').stdin.closed"] is False
    with pytest.raises(EOFError, match="nobody answers input"):
        cluster[1].apply_sync(input)


def test_the_namespace_is_emptied(cluster: Client) -> None:
    def bring() -> list[str]:
        return letters

    letters = ["a"]
    view = cluster[:]
    view.push({"x": 1}, block=True)
    assert view.apply_sync(bring) == [["a"]] * 4
    view.clear(block=True)
    with pytest.raises(RemoteError, match="name 'x' is not defined"):
        cluster[0].pull("x", block=True)
    assert cluster[0].pull("__name__", block=True) == "__main__"
    assert view.apply_sync(bring) == [["a"]] * 4  # what comes along comes again


# What is aborted behind a failed execute


def fail_once(
    cluster: Client, begun: Path, gate: Path, *, silent: bool, number: int = 3
) -> Any:
    """Begin an execute that fails once the gate is open and tasks wait behind it."""
    code = (
        "from tests.integration.tasks import fail_before_a_line\n"
        f"fail_before_a_line({str(begun)!r}, {str(gate)!r}, {number})"
    )
    result = cluster[0].execute(code, silent=silent)
    wait_until(lambda: notes(begun), what="beginning")
    return result


def test_a_failed_execute_takes_along_what_is_queued(
    cluster: Client, begun: Path, gate: Path
) -> None:
    pytest.importorskip("IPython")
    failing = fail_once(cluster, begun, gate, silent=False)
    behind = [cluster[0].apply_async(abs, -i) for i in range(3)]
    elsewhere = cluster[1].apply_async(abs, -7)
    balanced = [cluster.load_balanced_view().apply_async(abs, -i) for i in range(20)]
    gate.touch()
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        failing.get(10)
    for result in behind:
        with pytest.raises(TaskAborted, match="an earlier execute failed on this"):
            result.get(10)
    assert elsewhere.get(10) == 7
    assert [result.get(10) for result in balanced] == list(range(20))
    assert cluster[0].apply_sync(abs, -5) == 5


def test_it_takes_along_what_has_only_just_come(
    cluster: Client, begun: Path, gate: Path
) -> None:
    pytest.importorskip("IPython")
    assert cluster[0].apply_sync(abs, -1) == 1  # so that only the task has to come
    failing = fail_once(cluster, begun, gate, silent=False, number=1)
    behind = cluster[0].apply_async(abs, -2)
    gate.touch()
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        failing.get(10)
    with pytest.raises(TaskAborted, match="an earlier execute failed on this"):
        behind.get(10)


def test_a_silent_one_does_not(cluster: Client, begun: Path, gate: Path) -> None:
    failing = fail_once(cluster, begun, gate, silent=True)
    behind = [cluster[0].apply_async(abs, -i) for i in range(3)]
    gate.touch()
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        failing.get(10)
    assert [result.get(10) for result in behind] == [0, 1, 2]


def test_a_call_does_not(cluster: Client, begun: Path, gate: Path) -> None:
    failing = cluster[0].apply_async(fail_before_a_line, str(begun), str(gate), 2)
    behind = [cluster[0].apply_async(abs, -i) for i in range(2)]
    gate.touch()
    with pytest.raises(ZeroDivisionError):
        failing.get(10)
    assert [result.get(10) for result in behind] == [0, 1]


# With IPython


def test_what_a_session_would_show(cluster: Client) -> None:
    pytest.importorskip("IPython")
    reply = cluster[1].execute("x = 6\nx * 7", silent=False).get()
    assert reply.execute_result["data"] == {"text/plain": "42"}
    again = cluster[1].execute("_ + 1", silent=False).get()
    assert again.execute_result["data"] == {"text/plain": "43"}
    assert again.execution_count == reply.execution_count + 1
    assert cluster[1]["x"] == 6


def test_ipythons_syntax_is_understood_also_silently(cluster: Client) -> None:
    pytest.importorskip("IPython")
    result = cluster[1].execute("!echo out; echo err >&2\n%env HOW=here")
    result.get()
    assert result.stdout == "out\nenv: HOW=here\n"
    assert result.stderr == "err\n"
    assert cluster[1].apply_sync(has_ipython)


@pytest.mark.parametrize("magic", ["cd {0}", "bookmark here {0}", "pushd {0}"])
def test_magics_that_keep_things_in_a_profile_do_without(
    cluster: Client, tmp_path: Path, magic: str
) -> None:
    pytest.importorskip("IPython")
    before = cluster[2].apply_sync(os.getcwd)
    try:
        cluster[2].execute("%" + magic.format(tmp_path), block=True)
        cluster[2].execute("%bookmark -l", block=True)
    finally:
        cluster[2].apply_sync(os.chdir, before)


def test_its_errors_begin_where_the_users_code_does(cluster: Client) -> None:
    pytest.importorskip("IPython")
    with pytest.raises(ZeroDivisionError) as told:
        cluster[1].execute("def f():\n    return 1 / 0\nf()", silent=False).get()
    assert str(told.value) == "[1:execute] ZeroDivisionError: division by zero"
    text = told.value.traceback  # type: ignore[attr-defined]
    assert "return 1 / 0" in text
    assert "interactiveshell" not in text
    assert "parallel/engine" not in text


def test_nothing_is_written_to_the_users_folders(
    cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("IPython")
    where = cluster[1].execute(
        "get_ipython().history_manager.hist_file\n", silent=False
    )
    assert where.get().execute_result["data"]["text/plain"] == "':memory:'"
    enabled = cluster[1].execute("get_ipython().history_manager.enabled", silent=False)
    assert enabled.get().execute_result["data"]["text/plain"] == "False"


def test_an_emptied_namespace_still_shows(cluster: Client) -> None:
    pytest.importorskip("IPython")
    cluster[1].execute("gone = 1\ngone", silent=False).get()
    cluster[1].clear(block=True)
    reply = cluster[1].execute("'gone' in globals()", silent=False).get()
    assert reply.execute_result["data"] == {"text/plain": "False"}
