"""Text is executed without IPython where that will do, and by IPython where not."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel.engine import sources as module
from parallel.engine.namespace import Namespace
from parallel.engine.sources import Sources
from parallel.errors import NotAvailable
from tests.integration.scripts import run_script


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """Return what executes text where IPython is not installed."""
    before, lines = sys.modules["__main__"], dict(linecache.cache)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    yield Sources(Namespace())
    sys.modules["__main__"] = before
    linecache.cache.clear()
    linecache.cache.update(lines)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Return a function that runs a script in which `sources` executes text."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("IPYTHONDIR", str(home / "ipython"))
    begin = """
import sys
from parallel.engine import publishing
from parallel.engine.namespace import Namespace
from parallel.engine.sources import Sources

class Publisher:
    def publish(self, kind, value):
        print(kind, value)
        return True

publishing.current = Publisher()
namespace = Namespace()
sources = Sources(namespace)
"""

    def run_here(text: str) -> str:
        said = run_script(tmp_path, begin + text)
        assert not list(home.iterdir()), "it wrote files of its own"
        return said

    return run_here


def shown(text: str) -> dict[str, Any]:
    """Return what IPython shows of something that has this repr."""
    return {"data": {"text/plain": text}, "metadata": {}}


# Without IPython


def test_silent_text_has_no_value(plain: Sources) -> None:
    assert plain.execute("a = 1\na + 1") is None
    assert plain.execute("a + 1", True) is None


def test_the_last_expression_is_shown(plain: Sources) -> None:
    assert plain.execute("a = 1\n'é' * (a + 1)", False) == {
        "execution_count": 1,
        "execute_result": {"data": {"text/plain": "'éé'"}, "metadata": {}},
    }
    nothing = {"execution_count": 2, "execute_result": None}
    assert plain.execute("a = 2", False) == nothing
    assert plain.execute("a; None", False) == {**nothing, "execution_count": 3}
    assert plain.execute("", False) == {**nothing, "execution_count": 4}


@pytest.mark.parametrize("text", ["%time 1", "!ls", "len?", "x = !ls", "await f()"])
@pytest.mark.parametrize("silent", [True, False])
def test_ipythons_text_is_told_as_such(plain: Sources, text: str, silent: bool) -> None:
    with pytest.raises(NotAvailable, match="install IPython where the engines run"):
        plain.execute(text, silent)


@pytest.mark.parametrize("silent", [True, False])
def test_wrong_text_is_wrong(plain: Sources, silent: bool) -> None:
    with pytest.raises(SyntaxError):
        plain.execute("a b", silent)


# With IPython

pytest.importorskip("IPython")


@pytest.mark.slow
def test_plain_text_needs_none_of_it(run: Callable[[str], str]) -> None:
    said = run("""
sources.execute("a = 1\\nprint(a % 2)")
try:
    sources.execute("a b")
except SyntaxError as error:
    print(error)
print("IPython" in sys.modules)
""")
    assert said.splitlines()[::2] == ["1", "False"]


@pytest.mark.slow
def test_what_a_session_shows(run: Callable[[str], str]) -> None:
    said = run("""
print(sources.execute("a = 6\\na * 7", False))
print(sources.execute("_ + a", False)["execute_result"]["data"])
print(sources.execute("b = 1", False))
print(namespace.pull("a + b"))
""")
    assert said.splitlines() == [
        str({"execution_count": 1, "execute_result": shown("42")}),
        "{'text/plain': '48'}",
        "{'execution_count': 3, 'execute_result': None}",
        "7",
    ]


@pytest.mark.slow
def test_magics_commands_help_and_await(run: Callable[[str], str]) -> None:
    said = run("""
sources.execute("x = !echo one\\nprint(x)")
sources.execute("!echo two >&2; echo three")
sources.execute("%env THERE=four")
sources.execute("import os, asyncio\\nprint(await asyncio.sleep(0, 'five'))")
sources.execute("os.getpid?")
""")
    lines = said.splitlines()
    assert lines[:4] == ["['one']", "three", "env: THERE=four", "five"]
    assert "Docstring: Return the current process id." in lines


@pytest.mark.slow
def test_what_is_displayed_is_published(run: Callable[[str], str]) -> None:
    said = run('''
sources.execute("""
from IPython.display import clear_output, display
display(1)
clear_output(wait=True)
display(2, display_id="x").update(3)
""", False)
''')
    own = {"transient": {"display_id": "x"}}
    assert said.splitlines() == [
        f"display {shown('1')}",
        "clear {'wait': True}",
        f"display {shown('2') | own}",
        f"display {shown('3') | own | {'update': True}}",
    ]


@pytest.mark.slow
def test_errors_are_raised_and_not_shown(run: Callable[[str], str]) -> None:
    said = run("""
import traceback
for text in "f = lambda: 1 / 0; f()", "a b", "%nosuch", "raise KeyboardInterrupt":
    try:
        sources.execute(text, False)
    except BaseException as error:
        files = [step.filename for step in traceback.extract_tb(error.__traceback__)]
        print(type(error).__name__, sum("interactiveshell" in file for file in files))
""")
    assert said.splitlines() == [
        "ZeroDivisionError 0",
        "SyntaxError 0",
        "UsageError 1",
        "KeyboardInterrupt 0",
    ]


@pytest.mark.slow
def test_an_emptied_namespace_keeps_what_ipython_needs(
    run: Callable[[str], str],
) -> None:
    said = run("""
sources.execute("a = 1\\na", False)
namespace.clear()
sources.settle()
print("a" in namespace.names, namespace.names["__name__"])
print(sources.execute("get_ipython().user_ns is globals()", False)["execute_result"])
""")
    assert said.splitlines() == [
        "False __main__",
        "{'data': {'text/plain': 'True'}, 'metadata': {}}",
    ]


@pytest.mark.slow
def test_cells_leave_the_builtins_alone(run: Callable[[str], str]) -> None:
    said = run("""
import builtins, types
library = types.ModuleType("library")
exec("def leave(): exit(3)", library.__dict__)
sources.execute("a = 1", False)
before = dict(builtins.__dict__)
namespace.push({"library": library, "seen": []})
sources.execute("import builtins\\nseen += [dict(builtins.__dict__)]", False)
try:
    sources.execute("left = library.leave()", False)
except SystemExit as error:
    print("left with", error.code)
print(namespace.names["seen"] == [before], builtins.__dict__ == before)
print(builtins.get_ipython() is sources.shell.ipython)
""")
    assert said.splitlines() == ["left with 3", "True True", "True"]


#: Cells that end in no expression, and others, which look at what these left.
CELLS = (
    *(("d = exec('d: Absent = 1')",) * 2),
    "a = 1", "if a:\n    b = a", "def f(x):\n    return x + 1\n", "In[-1], _i, _ii",
    "import inspect\ninspect.getsource(f)", "a = f(", "raise ValueError(a)", "  c = 2",
    "get_ipython().execution_count", "from __future__ import annotations",
    "def g(x: Absent): pass", "g.__annotations__", "return", "await 1", "x = !echo 1",
    "for a in []: pass", "", "# nothing", "print(get_ipython is not None)", "del a",
    "a", "import builtins; shown = builtins.get_ipython", "len(In), Out",
    "_iii, _i1, _i4", "b = 1\n\n", "%history", "%reset -f in", "c = _i", "%who",
    *(("raise ValueError(a)", "def h(): raise ValueError(h)", "h()") * 3),
    "d = exec('d: Absent = 1')", "a = 1", "v = None", *(("v = v[0]",) * 3),
)  # fmt: skip


@pytest.mark.slow
def test_a_cell_without_a_value_is_as_ipython_would_have_it(
    run: Callable[[str], str],
) -> None:
    script = f"""
import traceback
sources.make_shell()
ran = []
events = sources.shell.ipython.events
if WATCHED:  # which leaves all to IPython
    events.register("post_run_cell", ran.append)
events.register("post_execute", lambda: print("executed"))
for cell in {CELLS}:
    try:
        print(sources.execute(cell, False))
    except Exception as error:
        lines = traceback.extract_tb(error.__traceback__)
        print(type(error).__name__, str(error)[:12], lines[-1].line, lines[-1].filename)
print(len(ran))
"""
    ours, ipythons = (
        run(script.replace("WATCHED", each)).splitlines() for each in ("False", "True")
    )
    assert (ours.pop(), ipythons.pop()) == ("0", str(len(CELLS)))

    assert ours == ipythons
