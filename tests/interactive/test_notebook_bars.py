"""Bars in a real kernel: widgets where there is ipywidgets, and text elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interactive.notebook import Notebook

pytestmark = pytest.mark.slow

LAZY = "[*rc.load_balanced_view().imap(abs, range(5), ordered={}, progress=True)]"
#: What shows a bar, and what that says in the end.
SHOWN = {
    "rc[:].map_async(abs, range(5), progress=True).wait()": "5/5",
    LAZY.format(True): "5/5",
    LAZY.format(False): "5/5",
    "[*rc[:].imap(abs, range(5), progress=True)]": "5/5",
    "rc[:].apply_async(abs, -1).wait_interactive()": "2/2",
    "rc.wait_interactive([rc[:].apply_async(abs, -1) for _ in range(3)])": "3/3",
    "rc.wait_for_engines(2, interactive=True)": "2/2",
    "%%px --progress-after 0\nimport time\ntime.sleep(0.2)": "2/2",
}


@pytest.fixture
def without_ipywidgets(notebook: Notebook) -> Iterator[None]:
    """Have none in the kernel."""
    notebook.run("import sys\nsys.modules['ipywidgets'] = None")
    yield
    notebook.run("del sys.modules['ipywidgets']")


@pytest.mark.parametrize(("cell", "end"), SHOWN.items(), ids=SHOWN)
def test_what_is_waited_for_has_a_bar_that_is_a_widget(
    notebook: Notebook, cell: str, end: str
) -> None:
    pytest.importorskip("ipywidgets")
    shown = notebook.run(cell)
    assert "Error" not in shown
    assert "application/vnd.jupyter.widget-view+json" in notebook.kinds
    notebook.wait_for_bar(f" {end}")


def test_what_has_no_length_is_counted(notebook: Notebook) -> None:
    pytest.importorskip("ipywidgets")
    notebook.run("[*rc.load_balanced_view().imap(abs, iter(range(5)), progress=True)]")
    notebook.wait_for_bar(" 5/?")


@pytest.mark.usefixtures("without_ipywidgets")
@pytest.mark.parametrize(("cell", "end"), SHOWN.items(), ids=SHOWN)
def test_without_ipywidgets_it_is_one_of_text(
    notebook: Notebook, cell: str, end: str
) -> None:
    shown = notebook.run(cell)
    assert "Error" not in shown
    notebook.wait_for_bar(f" {end}")
    assert not notebook.widgets


def test_a_bar_is_there_though_nothing_comes_and_ends_with_the_wait(
    notebook: Notebook,
) -> None:
    pytest.importorskip("ipywidgets")
    slow = "rc.load_balanced_view().map_sync(__import__('time').sleep, [600] * 4)"
    notebook.start(f"left = {slow}")
    notebook.wait_for_bar(" 0/4")
    notebook.stop()
    assert "Interrupted" in notebook.end()
    shown = notebook.run("left.cancel()\nrc.send_signal('SIGINT')\nrc.wait(timeout=30)")
    assert "True" in shown
    assert not notebook.widgets


def test_who_does_not_ask_for_a_bar_has_none(notebook: Notebook) -> None:
    cell = "[*rc.load_balanced_view().imap(abs, range(5))]"
    assert notebook.run(cell) == "[0, 1, 2, 3, 4]\n"
    assert not notebook.widgets


def test_bars_of_several_engines_go_on_in_their_places(notebook: Notebook) -> None:
    cell = "for i in tqdm(range(3), desc='outer'): list(tqdm(range(9), leave=False))"
    shown = notebook.run(f"%%px\nfrom tqdm import tqdm\n{cell}\nprint('end')")
    for engine in range(2):
        label = f"[stderr:{engine}] "
        (bar,) = (line for line in shown.splitlines() if line.startswith(label))
        assert bar.startswith(f"{label}outer: 100%|")
        assert f"[stdout:{engine}] end\n" in shown
