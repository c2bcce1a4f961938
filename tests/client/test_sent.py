"""What was sent is kept up to a bound, and what is in use whatever the bound."""

from __future__ import annotations

import pytest

from parallel.client.sent import SentFunctions
from parallel.serialize.callables import Function


def function(i: int, nbytes: int = 10) -> Function:
    """Return a function that is like no other."""
    return Function(i.to_bytes(16, "big"), bytes(nbytes), f"f{i}")


@pytest.mark.parametrize("bounds", [(8, 1000), (100, 80)])
def test_older_ones_are_forgotten(bounds: tuple[int, int]) -> None:
    sent = SentFunctions(list, *bounds)
    for i in range(100):
        sent.add(function(i))
        assert function(i).digest in sent
        assert sent.code(function(i).digest) == bytes(10)
        assert len(sent) <= 8
    assert function(0).digest not in sent
    assert sent.code(function(0).digest) is None


def test_those_in_use_are_kept() -> None:
    used = [function(i).digest for i in (0, 3)]
    sent = SentFunctions(lambda: used, 4, 1000)
    for i in range(100):
        sent.add(function(i))
    assert all(digest in sent for digest in used)
    assert len(sent) <= 4


def test_one_that_is_larger_than_the_bound_is_kept_all_the_same() -> None:
    sent = SentFunctions(list, 4, 1000)
    for i in range(3):
        sent.add(function(i, nbytes=5000))
        sent.add(function(i, nbytes=5000))
        assert len(sent) == 1
