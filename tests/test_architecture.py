"""The package keeps the rules of its shape, and each rule finds what breaks it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests import PACKAGE, architecture
from tests.architecture import RULES, Package, Rule, read


@pytest.fixture(scope="module")
def package() -> Package:
    return read(PACKAGE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_package(rule: Rule, package: Package) -> None:
    if found := list(rule(package)):
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_empty_package(rule: Rule, tmp_path: Path) -> None:
    assert not list(rule(read(tmp_path)))


def breaches(folder: Path, rule: Rule, files: dict[str, str]) -> list[str]:
    """Return what a rule says of a package of these files, as ``file:line: …``."""
    root = folder / "parallel"
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
    return [line.removeprefix(f"{root}/") for line in rule(read(root))]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"state/tasks.py": "from ..client import views", "client/views.py": ""},
            "state/tasks.py:1: imports parallel.client.views, layer 5 from layer 3",
        ),
        (
            {"engine/engine.py": "import parallel.client.views", "client/views.py": ""},
            "engine/engine.py:1: imports parallel.client.views, one part from another",
        ),
        ({"attic/old.py": ""}, "attic/old.py:1: attic has no layer"),
        ({"client/views.py": "from ..errors import Error", "errors.py": ""}, None),
        ({"engine/__main__.py": "from ..cli import engine", "cli/engine.py": ""}, None),
        ({"__init__.py": "from .client import Client", "client/__init__.py": ""}, None),
    ],
)
def test_imports_point_down(
    tmp_path: Path, files: dict[str, str], expected: str | None
) -> None:
    found = breaches(tmp_path, architecture.imports_point_down, files)
    assert [line.startswith(str(expected)) for line in found] == [True] * bool(expected)


@pytest.mark.parametrize(
    "statement",
    [
        "import parallel",
        "from .. import Client",
        "from parallel import Client",
        "from ..client import __main__",
    ],
)
def test_nobody_imports_the_facade(tmp_path: Path, statement: str) -> None:
    files = {"__init__.py": "", "client/__main__.py": "", "cli/app.py": statement}
    (found,) = breaches(tmp_path, architecture.nobody_imports_the_facade, files)
    assert found.startswith("cli/app.py:1: imports ")


def test_a_file_through_the_facade_is_that_file(tmp_path: Path) -> None:
    files = {"__init__.py": "", "errors.py": "", "cli/app.py": "from .. import errors"}
    assert not breaches(tmp_path, architecture.nobody_imports_the_facade, files)


@pytest.mark.parametrize(
    "statement",
    [
        "from . import first",
        "from .first import name",
        "def function():\n    from .first import name",
        "if TYPE_CHECKING:\n    from .first import name",
    ],
)
def test_no_cycles(tmp_path: Path, statement: str) -> None:
    files = {
        "client/__init__.py": "",
        "client/first.py": "from .second import name",
        "client/second.py": "from .third import name",
        "client/third.py": statement,
        "client/user.py": "from .first import name",
    }
    (found,) = breaches(tmp_path, architecture.no_cycles, files)
    assert found == (
        "client/first.py:1: import cycle: parallel.client.first"
        " → parallel.client.second → parallel.client.third → parallel.client.first"
    )


def test_a_folder_that_gathers_its_files_is_no_cycle(tmp_path: Path) -> None:
    files = {
        "client/__init__.py": "from .views import View\nfrom .client import Client",
        "client/client.py": "from . import views\nfrom .views import View",
        "client/views.py": "",
    }
    assert not breaches(tmp_path, architecture.no_cycles, files)


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("engine/engine.py", "import zmq.auth", "imports zmq"),
        ("controller/hub.py", "def f():\n    import sqlite3", "imports sqlite3"),
        ("controller/store/sqlite.py", "import sqlite3", None),
        ("engine/agent.py", "from subprocess import Popen", "imports subprocess"),
        ("cluster/local.py", "import subprocess", None),
        ("state/tasks.py", "import traitlets", "imports traitlets"),
        (
            "engine/arrays.py",
            "from multiprocessing import shared_memory",
            "imports multiprocessing.shared_memory",
        ),
        ("engine/engine.py", "from multiprocessing import Pipe", None),
        ("client/views.py", "import pandas", "imports pandas, which has no place"),
    ],
)
def test_libraries_have_one_door(
    tmp_path: Path, name: str, source: str, found: str | None
) -> None:
    lines = breaches(tmp_path, architecture.libraries_have_one_door, {name: source})
    assert [found in line for line in lines if found] == [True] * bool(found)


def test_optional_libraries_wait(tmp_path: Path) -> None:
    files = {
        "engine/shell.py": "import IPython",
        "engine/kernel.py": "def start():\n    import IPython",
        "interactive/magics.py": "import IPython",
        "transport/sockets.py": "import zmq",
    }
    (found,) = breaches(tmp_path, architecture.optional_libraries_wait, files)
    assert found.startswith("engine/shell.py:1: imports IPython, which may be missing")


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from random import random",
        "import random",
        "def f():\n    import socket",
        "import msgspec",
        "open('record')",
    ],
)
def test_machines_are_pure(tmp_path: Path, source: str) -> None:
    files = {"state/tasks.py": source, "transport/pipe.py": source}
    (found,) = breaches(tmp_path, architecture.machines_are_pure, files)
    assert found.startswith("state/tasks.py:")


def test_machines_may_be_given_a_source_of_chance(tmp_path: Path) -> None:
    files = {"state/policies.py": "from random import Random\nimport math"}
    assert not breaches(tmp_path, architecture.machines_are_pure, files)


def test_functions_are_short(tmp_path: Path) -> None:
    files = {
        "long.py": "def long():\n" + "    pass\n" * 60,
        "told.py": 'def told():\n    """A\n'
        + "\n" * 60
        + '    """\n'
        + "    pass\n" * 50,
    }
    found = breaches(tmp_path, architecture.functions_are_short, files)
    assert found == ["long.py:1: long has 61 lines, over 60"]


def test_classes_are_short(tmp_path: Path) -> None:
    files = {"long.py": "\nclass Long:\n" + "    pass\n" * 400}
    found = breaches(tmp_path, architecture.classes_are_short, files)
    assert found == ["long.py:2: Long has 401 lines, over 400"]


def test_files_are_short(tmp_path: Path) -> None:
    files = {"long.py": "\n" * 601, "short.py": "\n" * 600}
    found = breaches(tmp_path, architecture.files_are_short, files)
    assert found == ["long.py:1: 601 lines, over 600"]


def test_modules_are_named_for_something(tmp_path: Path) -> None:
    files = {"client/utils.py": "", "misc/__init__.py": "", "errors.py": ""}
    found = breaches(tmp_path, architecture.modules_are_named_for_something, files)
    assert [line.split(" says")[0] for line in found] == [
        "client/utils.py:1: utils",
        "misc/__init__.py:1: misc",
    ]


def test_modules_list_their_names(tmp_path: Path) -> None:
    files = {
        "client/views.py": "class View: ...",
        "client/client.py": "__all__ = ['Client']\nclass Client: ...",
        "client/__main__.py": "def main(): ...",
        "client/__init__.py": "",
    }
    found = breaches(tmp_path, architecture.modules_list_their_names, files)
    assert found == ["client/views.py:1: has View, and no __all__ to list it"]


def test_everything_public_has_a_docstring(tmp_path: Path) -> None:
    source = '''
        """A module."""
        class Told:
            """A class."""
            def silent(self): ...
            def _private(self): ...
            @property
            def size(self):
                """Return a size."""
            @size.setter
            def size(self, value): ...
        if True:
            async def silent_too(): ...
    '''
    files = {"told.py": source, "untold.py": ""}
    found = breaches(tmp_path, architecture.everything_public_has_a_docstring, files)
    assert found == [
        "told.py:5: silent has no docstring",
        "told.py:13: silent_too has no docstring",
        "untold.py:1: the module has no docstring",
    ]


def test_everything_is_annotated(tmp_path: Path) -> None:
    source = """
        class Typed:
            def __init__(self, first, *rest: int): ...
            @staticmethod
            def make(first) -> None: ...
            @classmethod
            def build(cls, *, last: int) -> None: ...
        def _function(**options): ...
    """
    found = breaches(
        tmp_path, architecture.everything_is_annotated, {"typed.py": source}
    )
    assert sorted(found) == [
        "typed.py:3: __init__: first has no type",
        "typed.py:5: make: first has no type",
        "typed.py:8: _function: options has no type",
        "typed.py:8: _function: what it returns has no type",
    ]
