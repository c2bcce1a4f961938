"""What is drawn in a real terminal while cells run, and magics that come and go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interactive.terminal import Terminal
from tests.picture import drawn

pytestmark = pytest.mark.slow


def test_what_an_engine_clears_is_drawn_anew(terminal: Terminal) -> None:
    terminal.type("%px from IPython.display import clear_output")
    shown = terminal.type(
        "%px for i in range(3): clear_output(wait=True); display(f'step {i}')"
    )
    # Whatever was drawn in between: behind the last of it stand the last steps.
    assert "step 2" in shown.rpartition("\x1b[J")[2]


def test_a_bar_comes_after_the_time_that_is_asked_for(terminal: Terminal) -> None:
    terminal.type("%pxconfig --progress-after 0")
    terminal.start("%px import time; time.sleep(1)", "%px: ")
    assert "2/2" in terminal.seen()
    terminal.type("%pxconfig --progress-after -1")
    assert "2/2" not in terminal.type("%px import time; time.sleep(0.3)")
    terminal.type("%pxconfig --progress-after 2")


def test_a_line_that_was_begun_goes_on_above_a_bar(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.type("%pxconfig --progress-after 0 --targets 0")
    terminal.type("%px import time, pathlib")
    terminal.type(f"%px go = pathlib.Path({str(tmp_path / 'go')!r})")
    wait = "any(go.exists() or time.sleep(0.01) for _ in range(3000))"
    cell = f"print('{'x' * 150}', end=' ', flush=True); {wait}; print('do' 'ne')"
    shown = terminal.start(f"%px {cell}", "xxx")
    shown += terminal.wait_for("0/1")
    (tmp_path / "go").touch()
    shown = drawn(shown + terminal.seen())
    assert f"[stdout:0] {'x' * 150} done" in shown.splitlines()
    terminal.type("%pxconfig --progress-after 2 --targets all")


def test_the_extension_is_loaded_and_unloaded(terminal: Terminal) -> None:
    assert "Error" not in terminal.type("%load_ext parallel")
    assert "already loaded" in terminal.type("%load_ext parallel")
    assert terminal.type("%px print('there')").count("there") == 2
    terminal.type("%unload_ext parallel")
    assert "`%px` not found" in terminal.type("%px print('gone')")
    assert "Error" not in terminal.type("%load_ext parallel")
    assert terminal.type("%px print('again')").count("again") == 2


def test_bars_of_several_engines_go_on_in_their_places(terminal: Terminal) -> None:
    terminal.type("%px from tqdm import tqdm")
    cell = "_ = [list(tqdm([1, 2], leave=False)) for i in tqdm([1, 2], desc='outer')]"
    shown = drawn(terminal.type(f"%px {cell}; print('end')")).split("\n")
    for engine in range(2):
        label = f"[stderr:{engine}] "
        (bar,) = (line for line in shown if line.startswith(label))
        assert bar.startswith(f"{label}outer: 100%|")
        assert f"[stdout:{engine}] end" in shown
