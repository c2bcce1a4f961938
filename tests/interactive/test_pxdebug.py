"""`%pxdebug` and `ar.debug()` look at a task that failed, where it failed."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable

import pytest

from parallel import AsyncResult, Client, Cluster
from parallel.engine.postmortem import MOST_NBYTES
from tests.interactive.conftest import Session
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

#: What a user does: types these lines at the prompt that a call opens, and sees.
Debug = Callable[..., str]


@pytest.fixture
def debug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Debug:
    """Give a function that opens the prompt, types lines, and returns what is shown."""

    def look(start: Callable[[], object], *lines: str) -> str:
        left = list(lines)

        def answer(prompt: str = "") -> str:
            if not left:
                raise EOFError
            return left.pop(0)

        monkeypatch.setattr(builtins, "input", answer)
        capsys.readouterr()
        shown = start()
        return shown if isinstance(shown, str) else capsys.readouterr().out

    return look


def divide(numerator: int) -> float:
    halved = numerator // 2
    return halved / (numerator - numerator)


def call(numerator: int) -> float:
    text = "outer"
    return divide(numerator) if text else 0.0


def failed(client: Client, engine: object = 1) -> AsyncResult:
    ar: AsyncResult = client[engine].apply_async(call, 14)  # type: ignore[index]
    ar.wait()
    return ar


def test_the_commands_of_pdb_work_on_the_frames_of_the_error(
    cluster: Client, debug: Debug
) -> None:
    ar = failed(cluster)
    shown = debug(
        ar.debug, "p halved * 13", "args", "u", "p text", "d", "w", "pp 6 * 7"
    )
    assert shown.startswith("engine 1: ZeroDivisionError: division by zero\n> ")
    for said in ("\n91\n", "numerator = 14", "'outer'", "return divide", "\n42\n"):
        assert said in shown
    assert shown.count("-> return halved / (numerator - numerator)") == 3


def test_names_are_bound_and_commands_go_in_a_row(
    cluster: Client, debug: Debug
) -> None:
    ar = failed(cluster)
    shown = debug(ar.debug, "!x = 3", "print('said', x);;p x + 1", "", "l")
    assert "said 3\n4\n4\n" in shown
    assert "->\t    return halved" in shown


@pytest.mark.parametrize("command", ["c", "n", "s", "until", "interact", "b 3"])
def test_there_is_nothing_to_go_on_with(
    cluster: Client, debug: Debug, command: str
) -> None:
    shown = debug(failed(cluster).debug, command, "p 40 + 2")
    assert "this task is over, and there is nothing to go on with" in shown
    assert shown.endswith("42\n\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p nosuch", "*** NameError: name 'nosuch'"),
        ("x = )", "*** SyntaxError"),
        ("1 / 0", "*** ZeroDivisionError"),
        ("for each in x:", "*** a statement is one line here"),
        ("x = (", "*** a"),
    ],
)
def test_what_goes_wrong_there_is_said_and_the_prompt_stays(
    cluster: Client, debug: Debug, line: str, said: str
) -> None:
    shown = debug(failed(cluster).debug, line, "p 40 + 2")
    assert said in shown
    assert shown.endswith("42\n\n")


def test_the_engine_is_free_between_two_commands(
    cluster: Client, debug: Debug, monkeypatch: pytest.MonkeyPatch
) -> None:
    ar = failed(cluster)
    results = []

    def use(prompt: str) -> str:
        results.append(cluster[1].apply_sync(abs, -len(results)))
        return "p halved" if len(results) < 3 else "q"

    monkeypatch.setattr(builtins, "input", use)
    ar.debug()
    assert results == [0, 1, 2]


def test_other_engines_that_failed_are_told_and_chosen(
    cluster: Client, debug: Debug
) -> None:
    ar = failed(cluster, [0, 1])
    told = "it failed on engine(s) 1, too: ar.debug(1) looks there\nengine 0: Zero"
    assert debug(ar.debug).startswith(told)
    assert debug(lambda: ar.debug(1)).startswith("engine 1: ZeroDivisionError")
    with pytest.raises(IndexError):
        ar.debug(2)


def test_what_a_map_raised_in_the_place_of_values_is_looked_at(
    cluster: Client, debug: Debug
) -> None:
    view = cluster[1]
    ar = view.map_async(call, [14, 16], return_exceptions=True)
    ar.wait()
    assert "\n8\n" in debug(ar.debug, "p halved")  # where it failed last
    fine = view.map_async(abs, [14, 16], return_exceptions=True)
    assert "nothing of <AsyncMapResult" in debug(fine.debug)


def test_where_a_task_was_interrupted_is_looked_at(
    cluster: Client, debug: Debug
) -> None:
    def hang() -> None:
        turns = 6 * 7
        print("hangs")
        while turns:
            time.sleep(0.01)

    ar = cluster[1].apply_async(hang)
    wait_until(lambda: "hangs" in ar.stdout, what="task to begin")
    cluster.send_signal("SIGINT", targets=1)
    ar.wait()
    shown = debug(ar.debug, "p turns")
    assert shown.startswith("engine 1: KeyboardInterrupt")
    assert "\n42\n" in shown


def test_what_there_is_nothing_of_is_one_line(cluster: Client, debug: Debug) -> None:
    def lines(start: Callable[[], object]) -> str:
        shown = debug(start)
        assert shown.count("\n") == 1
        return shown

    older = failed(cluster)
    assert "nothing of <AsyncResult" in lines(cluster[0].apply_async(abs, 1).debug)
    newer = cluster[1].apply_async(lambda: {}["key"])
    newer.wait()
    assert "the last error there is another one, KeyError: 'key'" in lines(older.debug)
    cluster[1].clear(block=True)
    assert "no task has failed there yet" in lines(newer.debug)
    large = cluster[1].apply_async(
        lambda nbytes: (lambda data: 1 / len(data[:0]))(bytes(nbytes)), MOST_NBYTES + 1
    )
    large.wait()
    assert "were not kept: their variables have some 16 MiB" in lines(large.debug)
    slow = cluster[1].apply_async(time.sleep, 30)
    assert "has failed so far: it has not all come" in lines(slow.debug)
    slow.cancel()


def test_an_error_that_is_gone_in_the_middle_is_told(
    cluster: Client, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    ar = failed(cluster)
    monkeypatch.setattr(
        builtins, "input", lambda _: failed(cluster) is None or "p halved"
    )
    ar.debug()
    assert "the error is gone: another task failed there" in capsys.readouterr().out


def test_breakpoints_end_their_task_in_words(cluster: Client, debug: Debug) -> None:
    def with_breakpoint() -> None:
        secret = 41
        breakpoint()  # noqa: T100
        print(secret)

    def with_pdb() -> None:
        import pdb  # noqa: T100

        secret = 41
        pdb.set_trace()  # noqa: T100
        print(secret)

    for function in (with_breakpoint, with_pdb):
        ar = cluster[0].apply_async(function)
        error = ar.exception()
        assert "%pxdebug in the session, or ar.debug(), looks at" in str(error)
        assert "\n42\n" in debug(ar.debug, "p secret + 1")


def test_the_magic_looks_where_the_last_cell_failed(
    session: Session, debug: Debug
) -> None:
    session.run("%%px -t 1\nmine = 20\nmine / 0")
    assert "\n21\n" in debug(lambda: session.run("%pxdebug"), "p mine + 1")
    shown = session.run("%px %debug")
    assert shown.count("%debug opens no prompt") == 2
    assert "\n22\n" in debug(lambda: session.run("%pxdebug"), "p mine + 2", "q")
    session.run("%px 1 / 0")
    shown = debug(lambda: session.run("%pxdebug"))
    assert shown.startswith("it failed on engine(s) 1, too: %pxdebug 1 looks there")
    assert debug(lambda: session.run("%pxdebug 1")).startswith("engine 1: Zero")


def test_the_magic_looks_where_a_call_failed(
    session: Session, cluster: Client, debug: Debug
) -> None:
    session.run("%px 1 / 0")
    session.shell.push({"call": call})
    session.run("rc[1].apply_sync(call, 16)")
    assert "\n8\n" in debug(lambda: session.run("%pxdebug"), "p halved")
    session.run("rc[:].apply_sync(call, 18)")
    shown = debug(lambda: session.run("%pxdebug"), "p halved")
    assert shown.startswith("it failed on engine(s) 1, too: %pxdebug 1 looks there")
    assert "\n9\n" in shown


def test_wrong_engines_are_one_line(session: Session) -> None:
    assert "there is no engine 17; engines are" in session.run("%pxdebug 17")
    assert "takes an engine's number: 'x'" in session.run("%pxdebug x")


def test_an_engine_that_died_is_told(debug: Debug) -> None:
    with Cluster(n=2) as rc:  # of its own: others count on an engine 1
        ar = failed(rc)
        died = rc[1].apply_async(__import__("os")._exit, 3)
        died.wait()
        assert "no variables to look at: [1:apply] EngineError" in debug(died.debug)
        wait_until(lambda: len(rc.ids) == 2, what="engine in its place")
        assert "there is no engine 1 any more; engines are" in debug(ar.debug)
