"""Whatever a task does, it becomes a result, and the next one runs."""

from __future__ import annotations

import itertools
import linecache
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from parallel.engine import execution as module
from parallel.engine import sources
from parallel.engine.execution import Ending, Execution, Ran
from parallel.engine.namespace import Namespace
from parallel.errors import (
    CannotPack,
    CannotUnpack,
    Failure,
    ImpossibleDependency,
    RemoteError,
    UnmetDependency,
    remote_error,
)
from parallel.protocol.messages import Assign, Method, Status
from parallel.serialize.callables import Function, pack_function
from parallel.serialize.exceptions import unpack_error
from parallel.serialize.objects import pack, unpack
from tests.serialize.session import Session

WHERE = {"engine_id": 3, "engine_uuid": "uuid"}


class Engine:
    """An execution, and tasks for it."""

    def __init__(self) -> None:
        self.namespace = Namespace()
        self.execution = Execution(self.namespace, WHERE)

    def run(self, method: Method, value: Any, function: Function | None = None) -> Ran:
        """Run a task."""
        digest = function.digest if function else b""
        if function:
            self.execution.functions.define(digest, function.code)
        packed = pack(value)
        ran = self.execution.run(
            Assign(1, method, digest, packed.payload), packed.payload, packed.buffers
        )
        assert not self.execution.running
        assert ran.started <= ran.completed <= time.time()
        return ran

    def apply(self, f: Any, *args: Any, **kwargs: Any) -> Ran:
        """Run a call."""
        function = f if isinstance(f, Function) else pack_function(f)
        return self.run(Method.APPLY, (args, kwargs), function)


@pytest.fixture
def engine() -> Iterator[Engine]:
    before, lines = sys.modules["__main__"], dict(linecache.cache)
    yield Engine()
    sys.modules["__main__"] = before
    linecache.cache.clear()
    linecache.cache.update(lines)


def value_of(ran: Ran) -> Any:
    """Return the value of a task that went well."""
    assert ran.status is Status.OK, unpack_error(ran.packed.payload).traceback
    return unpack(*ran.packed)


def error_of(ran: Ran) -> RemoteError:
    """Return the error of a task that did not."""
    assert ran.status is Status.ERROR
    return unpack_error(ran.packed.payload)


def sent(source: str, name: str = "f") -> Function:
    """Return a function of a session, packed."""
    with Session() as session:
        session.run(source)
        return pack_function(session.value(name))


# Each method


def test_apply(engine: Engine) -> None:
    f = sent("def f(*args, **kwargs): return args, kwargs")
    assert value_of(engine.apply(f, 1, [2], a=3)) == ((1, [2]), {"a": 3})


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_is_set_meanwhile_makes_no_duration(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    times = itertools.chain([1e9], itertools.repeat(1e9 + jump))
    monkeypatch.setattr(module, "time", lambda: next(times))
    ran = engine.apply(sent("def f(): return 1"))
    assert 0 <= ran.completed - ran.started < 60


def test_map(engine: Engine) -> None:
    f = sent("def f(x, y): return x * y")
    assert value_of(engine.run(Method.MAP, ([1, 2, 3], [4, 5, 6]), f)) == [4, 10, 18]


def test_execute_push_and_pull(engine: Engine) -> None:
    assert value_of(engine.run(Method.EXECUTE, "a = 1")) is None
    assert value_of(engine.run(Method.PUSH, ((), {"b": 2}))) is None
    assert value_of(engine.run(Method.PULL, ["a", "b", "a + b"])) == [1, 2, 3]
    assert value_of(engine.apply(sent("def f(): return a, b"))) == (1, 2)


# Each error


def test_what_the_code_raises(engine: Engine) -> None:
    error = error_of(engine.apply(sent("def f(x): return 1 / x"), 0))
    assert isinstance(error, ZeroDivisionError)
    assert error.engine_info == {**WHERE, "method": "apply"}
    assert str(error) == "[3:apply] ZeroDivisionError: division by zero"
    assert "parallel" not in error.traceback


def test_what_executed_code_raises(engine: Engine) -> None:
    error = error_of(engine.run(Method.EXECUTE, "x = 1\n1 / 0"))
    assert str(error) == "[3:execute] ZeroDivisionError: division by zero"
    assert '"<execute 1>", line 2' in error.traceback
    assert error_of(engine.run(Method.EXECUTE, "a b")).ename == "SyntaxError"
    assert error_of(engine.run(Method.PULL, "nobody")).ename == "NameError"


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("raise SystemExit", "SystemExit"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("class Own(BaseException): pass\nraise Own", "Own"),
        ("class E(Exception):\n  def __str__(self): 1 / 0\nraise E", "E"),
        ("def f(): f()\nf()", "RecursionError"),
        ("raise MemoryError", "MemoryError"),
    ],
)
def test_what_would_end_a_program_ends_a_task(
    engine: Engine, statement: str, name: str
) -> None:
    assert error_of(engine.run(Method.EXECUTE, statement)).ename == name
    assert value_of(engine.run(Method.PULL, "1 + 1")) == 2


def test_the_end_of_the_engine_is_not_the_tasks(engine: Engine) -> None:
    engine.namespace.push({"Ending": Ending})
    with pytest.raises(Ending):
        engine.run(Method.EXECUTE, "raise Ending")


def test_a_result_that_cannot_travel_is_named(engine: Engine) -> None:
    f = sent("import threading\ndef f(): return threading.Lock()")
    error = error_of(engine.apply(f))
    assert isinstance(error, CannotPack)
    assert error.evalue.startswith("cannot send the result of f (a lock): ")
    engine.namespace.push({"lock": threading.Lock()})
    pulled = error_of(engine.run(Method.PULL, "lock"))
    assert pulled.evalue.startswith("cannot send the result of pull (a lock): ")


def test_arguments_that_cannot_be_unpacked_are_told(engine: Engine) -> None:
    ran = engine.execution.run(Assign(1, Method.APPLY, b"", b""), b"nonsense", ())
    error = error_of(ran)
    assert isinstance(error, CannotUnpack)
    assert error.evalue.startswith("cannot unpack the arguments here: ")


def test_a_name_that_did_not_come_along_is_explained(engine: Engine) -> None:
    f = sent("import threading\nlock = threading.Lock()\ndef f(): return lock")
    error = error_of(engine.apply(f))
    assert isinstance(error, NameError)
    assert error.evalue == (
        "name 'lock' is not defined: the 'lock' of your session did not come along, "
        "for it cannot be pickled (TypeError: cannot pickle '_thread.lock' object)"
    )


def test_a_name_that_never_was_needs_no_explanation(engine: Engine) -> None:
    error = error_of(engine.apply(sent("def f(): return nobody")))
    assert error.evalue == "name 'nobody' is not defined"
    error = error_of(engine.run(Method.EXECUTE, "nobody"))
    assert error.evalue == "name 'nobody' is not defined"


# Interrupted


def test_it_runs_users_code_only_while_it_says_so(engine: Engine) -> None:
    seen: list[bool] = []

    class Watched:
        def __reduce__(self) -> tuple[Any, ...]:
            seen.append(engine.execution.running)
            return int, ()

    engine.namespace.push({"look": lambda: seen.append(engine.execution.running)})
    engine.namespace.push({"Watched": Watched})
    assert (
        value_of(engine.apply(sent("def f():\n    look()\n    return Watched()"))) == 0
    )
    assert seen == [True, False]


# Functions


def test_a_function_that_cannot_be_unpacked_is_an_error(engine: Engine) -> None:
    error = error_of(engine.apply(Function(b"digest", b"nonsense", "f")))
    assert isinstance(error, CannotUnpack)


def test_a_module_that_lacks_here_is_named(engine: Engine) -> None:
    error = error_of(engine.apply(Function(b"digest", b"cno_such_module\nf\n.", "f")))
    assert "module 'no_such_module' cannot be imported on this engine" in error.evalue


def test_each_function_sees_what_it_brought(engine: Engine) -> None:
    first = sent("k = 1\ndef f(): return k")
    second = sent("k = 2\ndef g(): return k", "g")
    assert value_of(engine.apply(first)) == 1
    assert value_of(engine.apply(second)) == 2
    for function, value in (first, 1), (second, 2), (first, 1):
        call = pack(((), {}))
        assign = Assign(1, Method.APPLY, function.digest, call.payload)
        assert value_of(engine.execution.run(assign, call.payload, ())) == value


def test_what_the_user_defined_wins_over_all_that_is_brought(engine: Engine) -> None:
    first = sent("k = 1\ndef f(): return k")
    second = sent("k = 2\ndef g(): return k", "g")
    assert value_of(engine.apply(first)) == 1
    engine.run(Method.EXECUTE, "k = 'mine'")
    assert value_of(engine.apply(second)) == "mine"
    assert value_of(engine.apply(first)) == "mine"


# Other ends


def test_a_task_may_refuse_its_engine(engine: Engine) -> None:
    f = sent(
        "from parallel.errors import UnmetDependency\n"
        "def f(x):\n    raise UnmetDependency(x)"
    )
    ran = engine.apply(f, "no gpu")
    assert ran.status is Status.UNMET
    error = unpack_error(ran.packed.payload)
    assert isinstance(error, UnmetDependency)
    assert error.evalue == "no gpu"


def test_what_a_task_asked_for_and_cannot_have_is_its_error(engine: Engine) -> None:
    engine.namespace.push(
        {
            "remote": remote_error(Failure("U", "", "", {}), UnmetDependency("there")),
            "never": ImpossibleDependency("never"),
        }
    )
    for name in "remote", "never":
        assert engine.run(Method.EXECUTE, f"raise {name}").status is Status.ERROR


def test_the_namespace_is_emptied_and_filled_again(engine: Engine) -> None:
    f = sent("k = 1\ndef f(): return k")
    assert value_of(engine.apply(f)) == 1
    engine.run(Method.EXECUTE, "a = 1")
    assert value_of(engine.run(Method.CLEAR, ())) is None
    assert sorted(engine.namespace.names) == sorted(Namespace().names)
    assert value_of(engine.apply(f)) == 1


def test_an_execute_that_is_not_silent_is_remembered_when_it_fails(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda name: None)  # no IPython
    assert value_of(engine.run(Method.EXECUTE, ("a = 1", True))) is None
    error_of(engine.run(Method.EXECUTE, ("1 / 0", True)))
    assert engine.execution.failed == 0
    error_of(engine.run(Method.EXECUTE, ("a b c", False)))
    assert engine.execution.failed == 1


def test_a_task_can_be_refused(engine: Engine) -> None:
    assign = Assign(1, Method.APPLY, b"", b"")
    ran = engine.execution.refuse(assign, RecursionError("too deep"))
    assert error_of(ran).evalue == "too deep"
