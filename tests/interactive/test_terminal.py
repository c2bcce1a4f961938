"""The magics in a real terminal: Ctrl-C, colours, and cells that are typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interactive.terminal import Terminal

pytestmark = pytest.mark.slow

SLEEP = "%px import time; print('begun'); time.sleep(600)"
#: Engines print it, and wait for the file `go` then.
WAITS = "%px print('begun'); wait()"


@pytest.fixture
def go(terminal: Terminal, tmp_path: Path) -> Iterator[Path]:
    """Give a file that engines wait for in `wait()`; let go who still does."""
    made = tmp_path / "go"
    terminal.type(f"%px import pathlib, time; go = pathlib.Path({str(made)!r})")
    look = "go.exists() or time.sleep(0.01)"
    terminal.type(f"%px wait = lambda: any({look} for _ in iter(int, 1))")
    yield made
    made.touch()


def test_the_first_client_brings_the_magics(terminal: Terminal) -> None:
    assert terminal.type("%px print('hi')").count("hi") == 2


def test_ctrl_c_interrupts_the_engines_and_says_so(terminal: Terminal) -> None:
    terminal.start(SLEEP, "begun")
    terminal.wait_for("begun")
    terminal.press_ctrl_c()
    shown = terminal.seen()
    assert "Interrupted: sending SIGINT to engines [0, 1]" in shown
    assert shown.count(":execute]") == 2
    assert "turns.py" not in shown  # the engine's own steps
    assert "2 errors" in shown
    assert terminal.type("%px print('fine')").count("fine") == 2


def test_a_second_ctrl_c_gives_the_prompt_back(terminal: Terminal, go: Path) -> None:
    terminal.type("%px import signal; old = signal.signal(2, signal.SIG_IGN)")
    terminal.start(WAITS, "begun")
    terminal.wait_for("begun")
    terminal.press_ctrl_c()
    terminal.wait_for("Interrupted")
    terminal.press_ctrl_c()
    shown = terminal.seen()
    assert "Interrupted once more: not waiting any more" in shown
    assert "Traceback" not in shown
    go.touch()
    assert terminal.type("%px old = signal.signal(2, old)").count("rror") == 0


def test_ctrl_c_may_be_for_the_session_alone(terminal: Terminal, go: Path) -> None:
    terminal.type("%pxconfig --signal-on-interrupt 0")
    terminal.start(f"{WAITS}; print('went', 'on')", "begun")
    terminal.wait_for("begun")
    terminal.press_ctrl_c()
    assert "not waiting any more" in terminal.seen()
    go.touch()
    assert terminal.type("%pxresult").count("went on") == 2
    terminal.type("%pxconfig --signal-on-interrupt SIGINT")


def test_what_runs_before_is_not_interrupted(terminal: Terminal, go: Path) -> None:
    terminal.type("ar = rc[:].execute('wait()')")
    terminal.type("%pxconfig --verbose")
    terminal.start("%px print('nev' + 'er')", "Parallel execution")
    terminal.press_ctrl_c()
    assert "never" not in terminal.seen()
    terminal.type("%pxconfig --no-verbose")
    assert "False" in terminal.type("ar.ready()")
    go.touch()
    assert "True" in terminal.type("bool(ar.get()) and ar.successful()")


def test_names_of_values_have_the_sessions_colours(terminal: Terminal) -> None:
    assert "\x1b[31mOut[\x1b[1;91m0:" in terminal.type("%px 1 + 1")


def test_tracebacks_have_the_sessions_colours(terminal: Terminal) -> None:
    shown = terminal.type("%px 1/0")
    assert "ZeroDivisionError" in shown
    assert "\x1b[" in shown
    assert (
        "\x1b[" in terminal.type("rc[0].apply_sync(lambda: 1/0)").partition("Error")[0]
    )


def test_what_failed_is_looked_at_where_it_failed(terminal: Terminal) -> None:
    terminal.type("rc[1].apply_sync(divide, 8)")
    terminal.start("%pxdebug", "(pdb, engine 1) ")
    terminal.start("p half * 111", "444")
    terminal.wait_for("(pdb, engine 1) ")
    assert "6" in terminal.type("q") + terminal.type("2 * 3")
    terminal.start("%pxdebug", "(pdb, engine 1) ")
    assert "Traceback" not in terminal.leave_prompt()
    terminal.start("%pxdebug", "(pdb, engine 1) ")
    terminal.press_ctrl_d()
    assert "Traceback" not in terminal.seen()


def test_ctrl_c_ends_a_command_that_takes_too_long(terminal: Terminal) -> None:
    terminal.type("rc[1].apply_sync(divide, 8)")
    terminal.start("%pxdebug", "(pdb, engine 1) ")
    terminal.start("import time; time.sleep(600)", "engine 1 is at work")
    terminal.press_ctrl_c()
    assert "was told to give it up" in terminal.seen()
    assert "4" in terminal.type("rc[1].apply_sync(abs, -4)")


def test_cells_go_to_engines_while_autopx_is_on(terminal: Terminal) -> None:
    assert "%autopx enabled" in terminal.type("%autopx")
    assert terminal.type("import os; print(os.getpid() > 0)").count("True") == 2
    terminal.start("for i in range(2):", "...: ")
    terminal.start("    print('turn', i)", "...: ")
    assert terminal.type("").count("turn 1") == 2
    assert "2 errors" in terminal.type("1/0")
    assert "%autopx disabled" in terminal.type("%autopx")
    assert "True" in terminal.type("'i' not in globals()")
