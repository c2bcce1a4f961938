"""The user's names are the globals of `__main__`, and stay."""

from __future__ import annotations

import dataclasses
import inspect
import linecache
import re
import sys
import traceback
import types
from collections.abc import Iterator
from typing import Any

import pytest

from parallel.engine import namespace as module
from parallel.engine.namespace import PUSHED, Namespace


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    before, lines = sys.modules["__main__"], dict(linecache.cache)
    yield Namespace()
    sys.modules["__main__"] = before
    linecache.cache.clear()
    linecache.cache.update(lines)


def test_it_is_a_fresh_main(namespace: Namespace) -> None:
    assert vars(sys.modules["__main__"]) is namespace.names
    assert namespace.names["__name__"] == "__main__"
    assert not [name for name in namespace.names if not name.startswith("__")]


def test_what_is_executed_stays(namespace: Namespace) -> None:
    namespace.execute("a = 1")
    namespace.execute("def f():\n    return a + 1\n")
    namespace.execute("a = 10; b = f()")
    assert namespace.pull(["a", "b"]) == [10, 11]
    assert namespace.names["f"].__module__ == "__main__"


def test_an_annotation_is_what_it_says(namespace: Namespace) -> None:
    namespace.execute("def f(x: int) -> str: ...")
    assert namespace.names["f"].__annotations__ == {"x": int, "return": str}
    namespace.execute(
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1"
    )
    (field,) = dataclasses.fields(namespace.names["A"])
    assert field.type is int


def test_a_traceback_shows_the_executed_lines(namespace: Namespace) -> None:
    namespace.execute("def f():\n    raise ValueError('here')  # this line")
    with pytest.raises(ValueError, match="here") as caught:
        namespace.execute("f()")
    text = "".join(traceback.format_tb(caught.value.__traceback__))
    assert "raise ValueError('here')  # this line" in text
    assert '"<execute 2>", line 1' in text
    assert inspect.getsource(namespace.names["f"]).startswith("def f():\n")


def test_the_lines_of_long_ago_are_forgotten(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    for i in range(10):
        namespace.execute(f"a = {i}")
    found = [name for name in linecache.cache if name.startswith("<execute ")]
    assert found == ["<execute 8>", "<execute 9>", "<execute 10>"]


def test_a_text_of_a_file_is_named_by_it(
    namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    for name in ("a.py", "b.py", "a.py", "c.py"):  # a.py is newer than b.py
        namespace.run(namespace.compiled("def f():\n    1 / 0\n", name))
    assert namespace.names["f"].__code__.co_filename == "c.py"
    assert linecache.getline("a.py", 2) == "    1 / 0\n"
    assert "b.py" not in linecache.cache


def test_wrong_source_is_told(namespace: Namespace) -> None:
    with pytest.raises(SyntaxError) as caught:
        namespace.execute("a = 1\nb = = 2")
    assert (caught.value.filename, caught.value.lineno) == ("<execute 1>", 2)


# Push and pull


def test_names_are_pushed_and_pulled(namespace: Namespace) -> None:
    namespace.push({"a": 1, "b": [2]})
    assert namespace.pull("a") == 1
    assert namespace.pull(["b", "a"]) == [[2], 1]
    assert namespace.pull(("a",)) == [1]


def test_a_dotted_name_is_an_attribute(namespace: Namespace) -> None:
    namespace.push({"a": types.SimpleNamespace(b=types.SimpleNamespace())})
    namespace.push({"a.b.c": 1, "a.d": 2})
    assert namespace.pull(["a.b.c", "a.d"]) == [1, 2]


def test_what_is_more_than_a_name_is_assigned_to(namespace: Namespace) -> None:
    namespace.push({"a": {"k": [1, 2]}, 'a["k"][0]': 5, "a['n']": 6, "b, c": (7, 8)})
    assert namespace.pull(["a", "b", "c"]) == [{"k": [5, 2], "n": 6}, 7, 8]
    assert PUSHED not in namespace.names


@pytest.mark.parametrize("target", ["a b", "1a", "class", "None", "f()", "a; b"])
def test_what_cannot_be_assigned_to_is_told(namespace: Namespace, target: str) -> None:
    with pytest.raises(SyntaxError, match=f"cannot push to '{re.escape(target)}'"):
        namespace.push({target: 1})


@pytest.mark.parametrize(
    ("expression", "value"), [("a + 1", 2), ("[a] * 3", [1, 1, 1]), ("len('abc')", 3)]
)
def test_an_expression_is_pulled(
    namespace: Namespace, expression: str, value: Any
) -> None:
    namespace.push({"a": 1})
    assert namespace.pull(expression) == value


def test_a_name_that_lacks_is_told(namespace: Namespace) -> None:
    with pytest.raises(NameError, match="name 'nobody' is not defined"):
        namespace.pull("nobody")
    with pytest.raises(NameError, match="name 'nobody' is not defined"):
        namespace.push({"nobody.a": 1})
    with pytest.raises(AttributeError, match="has no attribute 'b'"):
        namespace.push({"a": types.SimpleNamespace(), "a.b.c": 1})
