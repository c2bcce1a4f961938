"""What the block imports here is imported there, and nothing else is."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from parallel.client.importing import mirrored_imports


class Result:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def get(self) -> None:
        if self._error:
            raise self._error


class View:
    """Notes what it is to execute."""

    def __init__(self, error: Exception | None = None) -> None:
        self.executed: list[str] = []
        self._error = error

    def execute(self, code: str, *, block: bool | None = None) -> Result:
        assert block is False
        self.executed.append(code)
        return Result(self._error)

    @contextmanager
    def imports(self, quiet: bool = True) -> Iterator[None]:
        """Wrap the function as a view does."""
        with mirrored_imports(self, quiet):
            yield


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """See that the import statement is itself again."""
    before = builtins.__import__
    yield
    assert builtins.__import__ is before


def test_each_kind_of_import() -> None:
    view = View()
    with view.imports():
        import os.path
        from collections import Counter, deque
    assert view.executed == ["import os.path", "from collections import Counter, deque"]
    assert None not in (os.path.join, Counter, deque)


def test_what_is_imported_twice_is_sent_once() -> None:
    view = View()
    with view.imports():
        for _ in range(3):
            import math
    assert view.executed == ["import math"]
    assert math.pi > 3


def test_what_a_module_imports_itself_is_its_own_business(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outer_module.py").write_text("import string, textwrap")  # type: ignore[operator]
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    view = View()
    with view.imports():
        import outer_module
    assert view.executed == ["import outer_module"]
    assert outer_module.string
    del sys.modules["outer_module"]


def test_it_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with View().imports(quiet=False):
        import math
        from collections import Counter, deque
    assert capsys.readouterr().out == (
        "importing math on engine(s)\n"
        "importing Counter,deque from collections on engine(s)\n"
    )
    assert None not in (math, Counter, deque)


def test_an_import_that_fails_here_is_not_made_there() -> None:
    view = View()
    with pytest.raises(ModuleNotFoundError), view.imports():
        import no_such_module  # noqa: F401
    assert view.executed == []


def test_an_import_that_fails_there_is_raised() -> None:
    with (
        pytest.raises(ImportError, match="not there"),
        View(ImportError("not there")).imports(),
    ):
        import math
    assert math


def import_and_raise() -> None:
    import math

    raise ValueError(math.pi)


def test_an_error_in_the_block_comes_first() -> None:
    view = View(ImportError("not there"))
    with pytest.raises(ValueError, match=r"^3\.14"), view.imports():
        import_and_raise()
    assert view.executed == ["import math"]
