"""A function does on an engine what it does in the session that sent it.

The session and the engine are processes of their own: see `tests.serialize.processes`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.serialize.processes import Process

#: What a session defines, an expression for the function, and arguments for it. It
#: has to return the same there and here.
ALIKE = {
    "lambda": ("", "lambda x: x + 1", 2),
    "closure": (
        """
        def make(n):
            def add(x):
                return x + n
            return add
        """,
        "make(3)",
        4,
    ),
    "closure over a closure": (
        """
        def make(n):
            def outer(x):
                return (lambda y: x * y + n)(2)
            return outer
        """,
        "make(3)",
        4,
    ),
    "recursion": ("def f(n): return n * f(n - 1) if n else 1", "f", 5),
    "recursion by closure": (
        """
        def make():
            def f(n):
                return n * f(n - 1) if n else 1
            return f
        """,
        "make()",
        5,
    ),
    "mutual recursion": (
        """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        """,
        "even",
        7,
    ),
    "helpers of helpers": (
        """
        def f(x): return g(x) + 1
        def g(x): return h(x) * 2
        h = lambda x: x - k
        k = 3
        """,
        "f",
        10,
    ),
    "imports": (
        """
        import math, os.path, xml.dom as dom
        from collections import Counter as C
        def f(x): return math.pi, os.path.join("a", x), dom.Node.TEXT_NODE, dict(C(x))
        """,
        "f",
        "aab",
    ),
    "defaults": ("def f(x, y=2, *, z=3): return x, y, z", "f", 1),
    "annotations": (
        "class T: pass\ndef f(x: T, y: 'T' = 1) -> T: return x, y",
        "f",
        1,
    ),
    "attributes": ("def f(x): return f.n + x\nf.n = 3", "f", 1),
    "names": (
        "def f(x):\n    'Say it.'\n    return f.__name__, f.__qualname__, f.__doc__",
        "f",
        0,
    ),
    "generator function": (
        "def count(n):\n    yield from range(n)\ndef f(n): return list(count(n))",
        "f",
        3,
    ),
    "coroutine function": (
        """
        import asyncio
        async def double(x): return 2 * x
        def f(x): return asyncio.run(double(x))
        """,
        "f",
        3,
    ),
    "nested code": (
        """
        k = 3
        def f(n):
            class A:
                at = k
                def m(self): return k
            return [k * i for i in range(n)], list(k for _ in range(n)), A().m() + A.at
        """,
        "f",
        2,
    ),
    "partial": (
        "import functools\ndef g(a, b): return a - b\nf = functools.partial(g, b=5)",
        "f",
        1,
    ),
    "decorator with wraps": (
        """
        import functools
        def twice(g):
            @functools.wraps(g)
            def both(*args): return g(*args), g(*args)
            return both
        @twice
        def f(x): return x + 1
        """,
        "f",
        1,
    ),
    "a wrapper of a module's function": (
        """
        import functools, math
        k = 3
        @functools.wraps(math.sin)
        def f(x): return k + math.sin(x)
        """,
        "f",
        0.0,
    ),
    "decorator of a module": (
        """
        import contextlib
        depth = []
        @contextlib.contextmanager
        def deeper(x):
            yield x + len(depth)
        def f(x):
            with deeper(x) as y:
                return y
        """,
        "f",
        1,
    ),
    "remembered results": (
        """
        import functools
        @functools.lru_cache(maxsize=None)
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        """,
        "fib",
        60,
    ),
    "a helper with remembered results": (
        """
        import functools
        @functools.cache
        def double(n): return 2 * n
        def f(n): return double(n), double(n), double.cache_info().hits
        """,
        "f",
        3,
    ),
    "method": (
        """
        class A:
            def __init__(self, x): self.x = x
            def add(self, y): return self.x + y + k
        k = 3
        """,
        "A(4).add",
        5,
    ),
    "class method, static method, property, super": (
        """
        class Base:
            def who(self): return "base"
        class A(Base):
            @classmethod
            def make(cls): return cls()
            @staticmethod
            def tell(x): return A.make().name, x
            @property
            def name(self): return super().who() + "d"
        """,
        "A.tell",
        5,
    ),
    "callable instance": (
        """
        class Adder:
            def __init__(self, n): self.n, self.me = n, self
            def __call__(self, x): return self.me.n + x
        """,
        "Adder(3)",
        4,
    ),
    "a class that returns what plain pickle knows": (
        "class A(int):\n    def __reduce__(self): return int, (int(self) + 1,)",
        "A",
        4,
    ),
    "dataclass, enum, named tuple, exception": (
        """
        import collections, dataclasses, enum
        @dataclasses.dataclass
        class D:
            x: int = 1
        class E(enum.Enum):
            A = 1
        N = collections.namedtuple("N", "x")
        class Oops(Exception): pass
        def f(x):
            try:
                raise Oops(x)
            except Oops as error:
                return D(x).x, E(1).name, tuple(N(x)), error.args
        """,
        "f",
        5,
    ),
    "abstract class": (
        """
        import abc
        class A(abc.ABC):
            @abc.abstractmethod
            def m(self): ...
        class B(A):
            def m(self): return 5
        def f(x): return B().m() + x
        """,
        "f",
        5,
    ),
    "values": (
        """
        numbers, table, whole = [1, 2], {"a": {3}}, 2.5
        def f(x): return numbers, table, whole, x
        """,
        "f",
        5,
    ),
    "a name of builtins": (
        """
        def sum(x): return "mine"
        from math import pow
        def f(x): return sum([x]), pow(2, x), len([x])
        """,
        "f",
        5,
    ),
    "a registry of functions": (
        """
        registry = {}
        def register(f):
            registry[f.__name__] = f
            return f
        @register
        def g(x): return sorted(registry), x
        """,
        "g",
        5,
    ),
    "instances that use one another": (
        """
        class A:
            def m(self, x): return x and [each.m(x - 1) for each in (a, b, c)]
        a, b, c = A(), A(), A()
        def f(x): return a.m(x)
        """,
        "f",
        2,
    ),
    "a long chain of helpers": (
        "def f0(x): return x\n"
        + "".join(f"def f{i}(x): return f{i - 1}(x) + 1\n" for i in range(1, 600)),
        "f599",
        5,
    ),
    "a function for each type": (
        """
        import functools
        def shown(x): return repr(x) + mark
        mark = "!"
        @functools.singledispatch
        def f(x):
            "Say what it is."
            return shown(x)
        @f.register
        def _(x: int): return "number " + shown(x)
        @f.register(list)
        def of_list(xs): return [f(x) for x in xs], f.__doc__, f.__name__
        f(1)
        """,
        "f",
        [1, "a", [2.5]],
    ),
    "a property that is computed once": (
        """
        import functools
        class A:
            @functools.cached_property
            def p(self):
                "Say something."
                return [k]
        k = 3
        """,
        "lambda x: (lambda a: (a.p, a.p is a.p, A.p.__doc__))(A())",
        2,
    ),
    "a method for each type": (
        """
        import functools
        class A:
            @functools.singledispatchmethod
            def m(self, x): return "other"
            @m.register
            def _(self, x: int): return "number"
        """,
        "lambda x: (A().m(x), A().m('x'))",
        2,
    ),
    "what is told of a function": (
        """
        def g(x: int, y: str = "b", *, z: float = 2.0) -> list:
            "Say it."
        g.mark = 3
        """,
        "lambda names: [getattr(g, name) for name in names.split()]",
        "__annotations__ __defaults__ __kwdefaults__ __doc__ __name__ __module__ mark",
    ),
    "a list that holds itself": (
        "xs = [1]\nxs.append(xs)\ndef f(x): return xs[1] is xs, xs[0] + x",
        "f",
        2,
    ),
}


@pytest.mark.parametrize("name", ALIKE)
def test_it_does_there_what_it_does_here(
    name: str, session: Process, engine: Process
) -> None:
    source, expression, argument = ALIKE[name]
    session.run(source)
    here = session.value(f"({expression})({argument!r})")
    assert engine.call(session.pack(expression), argument) == here


def test_a_session_in_a_script(tmp_path: Path, engine: Process) -> None:
    script = tmp_path / "session.py"
    script.write_text(
        "import sys\n"
        "from parallel.serialize.callables import pack_function\n"
        "def helper(x): return x * k\n"
        "k = 3\n"
        "def f(x): return helper(x), __name__\n"
        "sys.stdout.buffer.write(pack_function(f).code)\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    assert engine.call(done.stdout, 2) == (6, "__main__")


# Whose names


def test_a_function_runs_in_the_engines_namespace(
    session: Process, engine: Process
) -> None:
    engine.run("a = 10")
    session.run("def f():\n    global b\n    b = a + 1")
    engine.call(session.pack("f"))
    assert engine.value("b") == 11


def test_the_engines_own_names_win(session: Process, engine: Process) -> None:
    engine.run("a = 'engine'\ndef g(): return 'engine'")
    session.run("a = 'session'\ndef g(): return 'session'\ndef f(): return a, g()")
    assert engine.call(session.pack("f")) == ("engine", "engine")


def test_what_came_along_is_renewed(session: Process, engine: Process) -> None:
    session.run("a = 1\ndef g(): return 'old'\ndef f(): return a, g()")
    assert engine.call(session.pack("f")) == (1, "old")
    session.run("a = 2\ndef g(): return 'new'")
    assert engine.call(session.pack("f")) == (2, "new")


def test_what_came_along_and_was_changed_there_stays(
    session: Process, engine: Process
) -> None:
    session.run("a = 1\ndef f(): return a")
    engine.call(session.pack("f"))
    engine.run("a = 10")
    session.run("a = 2")
    assert engine.call(session.pack("f")) == 10


def test_builtins_are_the_engines(session: Process, engine: Process) -> None:
    session.run("def f(): return len, __name__")
    engine.run("def len(x): return 'mine'")
    session.run("def f(): return len('abc')")
    assert engine.call(session.pack("f")) == "mine"


def test_a_decorators_own_names_stay_in_its_module(
    session: Process, engine: Process
) -> None:
    session.run(
        "import contextlib\n@contextlib.contextmanager\ndef f(): yield 1\n"
        "def g():\n    with f() as x: return x"
    )
    engine.run("_GeneratorContextManager = None")
    assert engine.call(session.pack("g")) == 1
