"""What goes wrong with magics is told once and clearly, and the session goes on."""

from __future__ import annotations

import re

import pytest

from parallel import AlreadyDisplayedError, Client, Cluster, CompositeError
from tests.interactive.conftest import Session
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_each_error_is_shown_once_with_its_traceback(session: Session) -> None:
    shown = session.run("%%px\ndef f():\n    return 1 / 0\nf()")
    assert shown.count("return 1 / 0") == 1
    assert shown.count("ZeroDivisionError") == 2
    assert re.search(r"(?m)^\[[01]:execute\]$", shown)
    assert re.search(r"(?m)^\[[01]:execute\] Zero.* \(as on engine [01]\)$", shown)
    assert shown.splitlines()[-1] == "2 errors"
    assert "site-packages" not in shown
    assert session.run("%px 1").count("]: 1") == 2


def test_a_like_error_is_shown_once_though_one_engine_ran_more_cells(
    session: Session,
) -> None:
    session.run("%%px -t 0\n1")
    shown = session.run("%px 1 / 0")
    assert shown.count("Traceback") == 1
    assert shown.count("(as on engine ") == 1


def test_programs_get_the_error_that_was_shown(session: Session) -> None:
    session.run(
        "try:\n    get_ipython().run_line_magic('px', '1/0')\n"
        "except Exception as error:\n    caught = error"
    )
    caught = session["caught"]
    assert isinstance(caught, AlreadyDisplayedError)
    assert isinstance(caught.original_error, CompositeError)


def test_the_last_error_of_an_engine_is_shown_again(session: Session) -> None:
    session.run("%%px\ndef f():\n    return 1 / 0\nf()")
    shown = session.run("%px %tb")
    assert shown.count("return 1 / 0") == shown.count("ZeroDivisionError: ") == 2
    assert "/parallel/" not in shown
    session.run("%%px\nimport numpy\nlarge = numpy.zeros(1 << 22)\n1 / 0")
    shown = session.run("%px %tb")
    assert shown.count("(no traceback: ") == shown.count("ZeroDivisionError: ") == 2


def test_who_leaves_is_told_what_that_ends(session: Session) -> None:
    shown = session.run("%px exit")
    assert shown.count("this ends the cell alone: rc.shutdown(0) ends engine 0") == 2
    assert "Ctrl-D" not in shown
    assert session.run("%px 1").count("]: 1") == 2


def test_what_is_not_streamed_is_told_at_the_end(session: Session) -> None:
    shown = session.run("%%px --no-stream\nprint('before')\n1/0")
    assert shown.startswith("[stdout:0] before\n[stdout:1] before\n")
    assert shown.count("ZeroDivisionError: division by zero") == 2
    assert "one or more exceptions" in shown


@pytest.mark.parametrize("cell", ["%%px\nx = (1", "%px x ="])
def test_wrong_syntax_is_told_before_anything_is_sent(
    session: Session, cluster: Client, cell: str
) -> None:
    before = len(cluster.history)
    shown = session.run(cell)
    assert shown.count("SyntaxError") == 1
    assert "magics.py" not in shown
    assert "takes none" not in shown
    assert len(cluster.history) == before


def test_who_gives_px_an_option_is_told_where_it_belongs(session: Session) -> None:
    for line in ("%px --targets 1 print(1)", "%px -o name print(1)"):
        shown = session.run(line)
        assert "SyntaxError" in shown
        assert "%px takes none. %%px does" in shown


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%px --bogus\n1", "unrecognized arguments: --bogus"),
        ("%pxconfig --bogus", "unrecognized arguments: --bogus"),
        ("%pxresult --bogus", "unrecognized arguments: --bogus"),
        ("%%px --targets 17\n1", "--targets 17: there is no engine 17; engines are"),
        ("%%px --targets nosuch\n1", "name 'nosuch' is not defined"),
        ("%%px --targets 5:\n1", "--targets 5:: these are none of [0, 1]"),
        ("%%px --targets 'a'\n1", "name 'a' is not defined"),
        ("%%px --targets [0, 1]\n1", 'stand in quotes: --targets "[0, 1]"'),
        ("%%px --targets=range(0, 2)\n1", 'stand in quotes: --targets "[0, 1]"'),
        ("%%px -t [0] --bogus\n1", "unrecognized arguments: --bogus\n"),
        ("%%px --group-outputs foo\n1", "invalid choice: 'foo'"),
        ("%%px --signal-on-interrupt FOO\n1", "there is no such signal"),
        ("%%px --out 1x\n1", "--out takes a name"),
        ("%%px --progress-after soon\n1", "invalid float value"),
    ],
)
def test_wrong_options_are_one_line(session: Session, cell: str, words: str) -> None:
    shown = session.run(cell)
    assert shown.startswith("UsageError: ")
    assert words in shown
    assert shown.count("\n") == 1


def test_no_result_yet_is_said(session: Session) -> None:
    session.run("rc.activate(suffix='_new')")
    assert "nothing has been run yet" in session.run("%pxresult_new")


def test_output_that_is_no_utf8_is_shown_as_well_as_can_be(session: Session) -> None:
    shown = session.run("%%px -t 0\nimport os\nn = os.write(1, b'a\\xffb\\n')")
    assert shown == "[stdout:0] a\ufffdb\n"


def test_a_repr_that_raises_is_told_and_the_cell_goes_on(session: Session) -> None:
    cell = "class Bad:\n    def __repr__(self): return 1 / 0\ndisplay(Bad())\n"
    shown = session.run(f"%%px -t 0\n{cell}print('went on')\nBad()")
    assert "[stdout:0] went on\n" in shown
    assert shown.count("ZeroDivisionError: division by zero") == 2
    assert session.run("%px 1").count("]: 1") == 2


def test_a_flood_is_shown_to_its_end_and_the_session_goes_on(session: Session) -> None:
    shown = session.run(
        "%%px -t 0\nfor _ in range(300): print('x' * 99_999)\nprint('the end')"
    )
    assert shown.startswith("[stdout:0]")
    assert shown.endswith("x\nthe end\n")
    assert session.run("%px 1").count("]: 1") == 2


def test_an_engine_that_dies_is_told_and_the_session_goes_on(session: Session) -> None:
    cell = "%%px -t 1\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    with Cluster(n=2) as rc:  # of its own: others count on an engine 1
        rc.activate()
        shown = session.run(cell)
        assert shown.startswith("[1:execute] EngineError: ")
        assert shown.endswith("1 error\n")
        wait_until(lambda: len(rc.ids) == 2, what="engine in its place")
        assert session.run("%px 1").count("]: 1") == 2


def test_a_closed_client_is_told_and_the_next_takes_its_place(
    session: Session, cluster: Client
) -> None:
    with cluster.cluster.connect_client_sync() as other:
        other.activate()
        assert session.run("%px 1").count("]: 1") == 2
    assert "its client is closed" in session.run("%px 1")
    with cluster.cluster.connect_client_sync():
        assert session.run("%px 1").count("]: 1") == 2
