"""Magics in a real kernel, as a notebook's front end has it."""

from __future__ import annotations

from pathlib import Path

import IPython
import pytest

from tests.interactive.notebook import Notebook
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_each_engine_draws_its_own_part_anew(notebook: Notebook) -> None:
    shown = notebook.run(
        "%%px\nfrom IPython.display import clear_output\n"
        "for i in range(4):\n    clear_output(wait=True)\n    print('step', i)"
    )
    assert sorted(shown.splitlines()) == ["[stdout:0] step 3", "[stdout:1] step 3"]


def test_what_one_engine_clears_leaves_the_others(notebook: Notebook) -> None:
    notebook.run("rc[:].scatter('rank', [0, 1], flatten=True).get()")
    shown = notebook.run(
        "%%px\nfrom IPython.display import clear_output\n"
        "if rank:\n    print('stays')\n    display('this')\n"
        "else:\n    print('goes')\n    display('goes, too')\n    clear_output()"
    )
    assert sorted(shown.splitlines()) == ["'this'", "[output:1]", "[stdout:1] stays"]


def test_names_of_values_have_the_sessions_colours(notebook: Notebook) -> None:
    assert "\x1b[31mOut[\x1b[1;91m0:" in notebook.run("%px 1 + 1")
    notebook.run("colours, get_ipython().colors = get_ipython().colors, 'nocolor'")
    assert "\x1b" not in notebook.run("%px 1 + 1")
    notebook.run("get_ipython().colors = colours")


@pytest.mark.skipif(IPython.version_info < (9,), reason="IPython 8 has no themes")
def test_tracebacks_have_the_colours_of_the_sessions_own(notebook: Notebook) -> None:
    local = notebook.run("1 / 0")
    begin = local.partition("ZeroDivisionError")[0].rpartition("\x1b[")[2]
    for cell in ("%px 1 / 0", "rc[0].apply_sync(lambda: 1 / 0)"):
        assert f"\x1b[{begin}ZeroDivisionError\x1b[" in notebook.run(cell)


@pytest.mark.parametrize("way", ["signal", "message"])
def test_the_stop_button_interrupts_the_engines_and_says_so(
    notebook: Notebook, way: str
) -> None:
    notebook.start("%%px\nimport time\nprint('begun')\ntime.sleep(600)")
    for engine in (0, 1):
        notebook.wait_for(f"[stdout:{engine}] begun")
    notebook.stop(way)
    shown = notebook.end()
    assert "Interrupted: sending SIGINT to engines [0, 1]" in shown
    assert shown.count("KeyboardInterrupt") >= 2
    assert "2 errors" in shown
    assert notebook.run("%px print('on')").count("on") == 2


def test_a_call_that_is_stopped_says_what_becomes_of_its_tasks(
    notebook: Notebook, tmp_path: Path
) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    notebook.run(
        "import pathlib, time\n"
        "def wait(begun, go):\n    pathlib.Path(begun).touch()\n"
        "    while not pathlib.Path(go).exists(): time.sleep(0.01)\n    return 37"
    )
    notebook.start(f"found = rc[0].apply_sync(wait, {str(begun)!r}, {str(go)!r})")
    wait_until(begun.exists, what="the task to begin")
    notebook.stop()
    shown = notebook.end()
    assert shown.startswith("Interrupted: not waiting any more")
    assert "The value is its AsyncResult: cancel() gives it up" in shown
    go.touch()
    assert notebook.run("found.get()") == "37\n"


def test_an_error_is_looked_at_from_a_cell(notebook: Notebook) -> None:
    notebook.run("%%px --targets 1\nmine = 20\nmine / 0")
    shown = notebook.run("%pxdebug", "p mine * 3", "q")
    assert shown.startswith("engine 1: ZeroDivisionError: division by zero")
    assert notebook.prompts == ["(pdb, engine 1) "] * 2
    assert "60\n" in shown
    assert notebook.run("2 * 21") == "42\n"


def test_ipythons_own_debugger_says_where_to_look_at_the_engine(
    notebook: Notebook,
) -> None:
    notebook.run("def divide(n):\n    half = n // 2\n    return half / 0")
    notebook.run("rc[1].apply_sync(divide, 8)")
    shown = notebook.run("%debug", "p 3 * 111", "q")
    assert shown.startswith("(of this session; %pxdebug looks where")
    assert "333" in shown
    assert "444" in notebook.run("%pxdebug", "p half * 111", "q")
    assert notebook.run("2 * 21") == "42\n"


def test_ipythons_own_debugger_looks_at_errors_of_the_session(
    notebook: Notebook,
) -> None:
    notebook.run("def f(n):\n    return n / 0\nf(37)")
    shown = notebook.run("%debug", "p n * 3", "q")
    assert "pxdebug" not in shown
    assert "111" in shown
    notebook.run("%unload_ext parallel")
    notebook.run("%load_ext parallel\nrc[0].apply_sync(abs)")
    assert notebook.run("%debug", "q").count("%pxdebug looks") == 1
