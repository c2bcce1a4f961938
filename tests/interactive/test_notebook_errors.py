"""What goes wrong in a real kernel is told once, clearly, and the session goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.interactive.notebook import Notebook, plain

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def goes_on(notebook: Notebook) -> Iterator[None]:
    """See that cells are run afterwards as if nothing had been."""
    yield
    shown = sorted(notebook.run("%px print('as ' + 'before')").splitlines())
    assert shown == ["[stdout:0] as before", "[stdout:1] as before"]


def told(notebook: Notebook, cell: str) -> str:
    """Run a cell; return what stands below it, without colours."""
    return plain(notebook.run(cell))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("%%px --bogus\n1", "unrecognized arguments: --bogus"),
        ("%%px -t\n1", "argument -t/--targets: expected one argument"),
        ("%%px --targets 17\n1", "there is no engine 17; engines are [0, 1]"),
        ("%%px --targets [0,17]\n1", "there is no engine 17; engines are [0, 1]"),
        ("%%px --targets nosuch\n1", "name 'nosuch' is not defined"),
        ("%%px --targets 7:\n1", "these are none of [0, 1]"),
        ("%%px --group-outputs foo\n1", "invalid choice: 'foo'"),
        ("%pxconfig --bogus", "unrecognized arguments: --bogus"),
        ("%pxresult --bogus", "unrecognized arguments: --bogus"),
    ],
)
def test_wrong_options_are_one_line(notebook: Notebook, cell: str, words: str) -> None:
    before = notebook.run("len(rc.history)")
    shown = told(notebook, cell)
    assert shown.startswith("UsageError: ")
    assert words in shown
    assert shown.strip().count("\n") == 0
    assert notebook.run("len(rc.history)") == before


@pytest.mark.parametrize("cell", ["%%px\nx = (1", "%px x =", "%%px\nfor x in 1:\npass"])
def test_wrong_syntax_is_told_once_and_not_sent(notebook: Notebook, cell: str) -> None:
    before = notebook.run("len(rc.history)")
    shown = told(notebook, cell)
    assert shown.count("Error") == 1
    assert "<cell>" in shown
    assert ".py" not in shown
    assert notebook.run("len(rc.history)") == before


def test_an_engine_that_dies_is_told_beside_what_the_others_say(
    notebook: Notebook,
) -> None:
    notebook.run(
        "own = parallel.Cluster(n=2).start_and_connect_sync()\n"
        "own.activate(suffix='_own')\n"
        "own[:].scatter('rank', [0, 1], flatten=True).get()"
    )
    try:
        shown = told(
            notebook,
            "%%px_own --progress-after -1\nimport os\nprint('said', end='')\n"
            "if rank: os._exit(7)\nprint(' more')\n41 + 1",
        )
        assert "[stdout:0] said more\n" in shown
        assert "[stdout:1] said\n" in shown
        assert len(re.findall(r"(?m)^\[1:execute\] EngineError: ", shown)) == 1
        assert "exited with status 7" in shown
        assert re.search(r"Out\[0:\d+\]: 42\n", shown)
        assert shown.endswith("1 error\n")
        assert "Error" not in told(notebook, "own.wait_for_engines(2, timeout=60)")
        assert told(notebook, "%px_own 6 * 7").count(": 42\n") == 2
    finally:
        notebook.run("own.cluster.stop_cluster_sync(); own.close()")


def test_output_that_is_no_utf8_is_shown_as_well_as_can_be(notebook: Notebook) -> None:
    shown = told(
        notebook,
        "%%px\nimport os, sys\nn = os.write(1, b'o\\xffut\\n')\n"
        "n = os.write(2, b'e\\xfe\\n')\nn = os.write(1, b'begun\\xe2\\x82')",
    )
    for text in ("o\ufffdut", "e\ufffd", "begun\ufffd"):
        assert shown.count(text) == 2


@pytest.mark.parametrize("method", ["__repr__", "_repr_html_", "_ipython_display_"])
def test_a_repr_that_raises_is_told_and_the_cell_goes_on(
    notebook: Notebook, method: str
) -> None:
    shown = told(
        notebook,
        f"%%px -t 0\nclass Bad:\n    def {method}(self): return 1 / 0\n"
        "display(Bad())\nprint('went on')\nBad()",
    )
    assert "[stdout:0] went on\n" in shown
    assert shown.count("ZeroDivisionError: division by zero") == 2
    assert shown.count(f"in {method}\n") == 2


def test_a_function_that_was_typed_is_shown_where_it_failed(notebook: Notebook) -> None:
    notebook.run(
        "def halve(n):\n    return n / 0\n"
        "class Pair:\n    def sum(self, n):\n        return halve(n)"
    )
    shown = told(notebook, "rc[:].apply_sync(lambda n: Pair().sum(n), 37)")
    for line in ("lambda n: Pair().sum(n)", "return halve(n)", "return n / 0"):
        assert line in shown.partition("[0:apply]")[2]
