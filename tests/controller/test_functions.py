"""A function stays while a task refers to it, and for a while after."""

from __future__ import annotations

import pytest

from parallel.controller import functions
from parallel.controller.functions import FunctionStore


@pytest.fixture
def store() -> FunctionStore:
    return FunctionStore(kept_nbytes=100)


def use(store: FunctionStore, digest: bytes, nbytes: int) -> None:
    """Define a function, and have a task use it."""
    store.define(digest, bytes(nbytes))
    store.hold(digest)
    store.release(digest)


def kept(store: FunctionStore, digests: str) -> str:
    """Return those of these one-letter digests that are there."""
    return "".join(digest for digest in digests if digest.encode() in store)


def test_a_function_comes_back(store: FunctionStore) -> None:
    assert b"a" not in store
    store.define(b"a", b"code")
    assert b"a" in store
    assert store.code(b"a") == b"code"


def test_no_function_needs_none(store: FunctionStore) -> None:
    assert b"" in store
    store.hold(b"")
    store.release(b"")


def test_of_the_unused_the_oldest_go(store: FunctionStore) -> None:
    for digest in (b"a", b"b", b"c", b"d"):
        use(store, digest, 40)
    assert kept(store, "abcd") == "cd"


def test_using_one_makes_it_young(store: FunctionStore) -> None:
    use(store, b"a", 40)
    use(store, b"b", 40)
    store.hold(b"a")
    store.release(b"a")
    use(store, b"c", 40)
    assert kept(store, "abc") == "ac"


def test_what_is_used_stays_however_large(store: FunctionStore) -> None:
    for digest in (b"a", b"b"):
        store.define(digest, bytes(1000))
        store.hold(digest)
    use(store, b"c", 40)
    assert kept(store, "abc") == "abc"
    store.release(b"a")
    assert kept(store, "abc") == "b"
    assert store.code(b"b") == bytes(1000)


def test_a_large_function_stays_until_its_task_has_come(store: FunctionStore) -> None:
    store.define(b"a", bytes(1000))
    assert store.code(b"a") == bytes(1000)
    store.hold(b"a")
    assert b"a" in store
    store.release(b"a")
    assert b"a" not in store


def test_several_tasks_may_use_one(store: FunctionStore) -> None:
    store.define(b"a", bytes(1000))
    for _ in range(3):
        store.hold(b"a")
    for _ in range(2):
        store.release(b"a")
    assert b"a" in store
    store.release(b"a")
    assert b"a" not in store


def test_defined_again_it_counts_once(store: FunctionStore) -> None:
    for _ in range(5):
        store.define(b"a", bytes(40))
    use(store, b"b", 40)
    assert kept(store, "ab") == "ab"


def test_one_that_a_task_waits_for_is_counted_when_it_ends(
    store: FunctionStore,
) -> None:
    store.hold(b"a")
    store.define(b"a", bytes(60))
    store.release(b"a")
    use(store, b"b", 60)
    assert kept(store, "ab") == "b"


def test_what_nobody_ever_uses_goes_too(store: FunctionStore) -> None:
    for digest in (b"a", b"b", b"c", b"d"):
        store.define(digest, bytes(40))
    assert kept(store, "abcd") == "cd"


def test_very_many_small_ones_go(
    store: FunctionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "KEPT", 2)
    for digest in (b"a", b"b", b"c", b"d"):
        use(store, digest, 0)
    assert kept(store, "abcd") == "cd"
