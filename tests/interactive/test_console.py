"""A real `jupyter console` shows what a terminal does, though a kernel draws it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interactive.terminal import Terminal
from tests.picture import drawn

pytestmark = pytest.mark.slow
pytest.importorskip("jupyter_console")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Start a console, with two engines."""
    made = Terminal(tmp_path_factory.mktemp("console"), is_console=True)
    yield made
    made.close()


@pytest.fixture
def terminal(console: Terminal) -> Terminal:
    console.catch_up()
    return console


def test_what_is_waited_for_has_a_bar(terminal: Terminal) -> None:
    shown = terminal.type("rc[:].map_async(abs, range(5), progress=True).wait()")
    assert "abs: 100%" in shown
    assert "5/5" in shown


def test_a_cells_bar_leaves_what_is_printed(terminal: Terminal) -> None:
    terminal.type("%pxconfig --progress-after 0 --targets 0")
    terminal.type("%px import time")
    shown = terminal.type(
        "%px print('be', end='', flush=True); time.sleep(0.5); print('gun')"
    )
    terminal.type("%pxconfig --progress-after 2 --targets all")
    lines = drawn(shown).splitlines()
    assert lines[0] == "[stdout:0] begun"
    assert "1/1" in lines[1]


def test_what_engines_clear_is_drawn_anew(terminal: Terminal) -> None:
    terminal.type("%pxconfig --progress-after -1")
    terminal.type("%px from IPython.display import clear_output")
    shown = terminal.type(
        "%px for i in range(3): clear_output(wait=True); print(f'step {i}')"
    )
    terminal.type("%pxconfig --progress-after 2")
    steps = [line for line in drawn(shown).splitlines() if "step" in line]
    assert sorted(steps) == ["[stdout:0] step 2", "[stdout:1] step 2"]


def test_ctrl_c_interrupts_the_engines_and_says_so(terminal: Terminal) -> None:
    terminal.start("%px import time; print('begun'); time.sleep(600)", "begun")
    terminal.wait_for("begun")
    terminal.interrupt_kernel()
    shown = terminal.seen()
    assert "Interrupted: sending SIGINT to engines [0, 1]" in shown
    assert "2 errors" in shown
    assert terminal.type("%px print('fine')").count("fine") == 2
