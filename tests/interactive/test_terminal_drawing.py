"""What is drawn in a real terminal while cells run, and magics that come and go."""

from __future__ import annotations

import pytest

from tests.interactive.terminal import Terminal

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


def test_the_extension_is_loaded_and_unloaded(terminal: Terminal) -> None:
    assert "Error" not in terminal.type("%load_ext parallel")
    assert "already loaded" in terminal.type("%load_ext parallel")
    assert terminal.type("%px print('there')").count("there") == 2
    terminal.type("%unload_ext parallel")
    assert "`%px` not found" in terminal.type("%px print('gone')")
    assert "Error" not in terminal.type("%load_ext parallel")
    assert terminal.type("%px print('again')").count("again") == 2
