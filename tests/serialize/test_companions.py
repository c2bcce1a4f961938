"""What of its session comes along with a function, and what stays at home.

The session and the engine are processes of their own: see `tests.serialize.processes`.
"""

from __future__ import annotations

import pytest

from parallel.serialize.companions import COMPANION_NBYTES
from tests.serialize.processes import Process, Raised


def absent(engine: Process, packed: bytes) -> dict[str, str]:
    """Return what did not come along with a function, and why."""
    engine.bind(packed, "f")
    found: dict[str, str] = engine.value("getattr(f, '__parallel_absent__', {})")
    return found


@pytest.mark.parametrize(
    "value", ["'x' * (1 << 20)", "bytes(1 << 20)", "list(range(1 << 20))"]
)
def test_a_large_value_stays_and_the_reason_is_told(
    value: str, session: Process, engine: Process
) -> None:
    session.run(f"large = {value}\nsmall = 1\ndef f(): return large, small")
    packed = session.pack("f")
    assert len(packed) < COMPANION_NBYTES
    (name, reason), *others = absent(engine, packed).items()
    assert (name, others) == ("large", [])
    assert reason.endswith(" bytes travel only if you push them")


def test_what_cannot_be_pickled_stays_and_the_reason_is_told(
    session: Process, engine: Process
) -> None:
    session.run("import threading\nlock = threading.Lock()\ndef f(): return lock")
    assert absent(engine, session.pack("f")) == {
        "lock": "it cannot be pickled (TypeError: cannot pickle '_thread.lock' object)"
    }
    with pytest.raises(Raised, match="NameError: name 'lock' is not defined"):
        engine.call(session.pack("f"))


def test_helpers_of_what_stays_come_along_with_others(
    session: Process, engine: Process
) -> None:
    session.run(
        """
        import threading
        class A:
            def __init__(self): self.lock = threading.Lock()
            def m(self): return h()
        def h(): return g() + 1
        def g(): return k
        k = 1
        first = A()
        def f():
            if not k: first.m()
            return h()
        """
    )
    assert engine.call(session.pack("f")) == 2


def test_what_stays_keeps_nothing_else_back(session: Process, engine: Process) -> None:
    session.run(
        """
        import threading
        class A:
            def __init__(self): self.lock = threading.Lock()
            def m(self): return shared
        shared = [1]
        first = A()
        def f():
            if not shared: first.m()
            return shared
        """
    )
    assert engine.call(session.pack("f")) == [1]


def test_an_engine_that_has_what_stays_does_without(
    session: Process, engine: Process
) -> None:
    session.run("import threading\nlock = threading.Lock()\ndef f(): return lock")
    engine.run("lock = 'my own'")
    assert engine.call(session.pack("f")) == "my own"
