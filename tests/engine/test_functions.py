"""Functions are unpacked once, and the oldest are forgotten."""

from __future__ import annotations

import pytest

from parallel.engine import functions as module
from parallel.engine.functions import Functions
from parallel.errors import CannotUnpack
from parallel.serialize.callables import pack_function


def test_a_function_that_cannot_be_unpacked_says_so_each_time() -> None:
    functions = Functions()
    functions.define(b"digest", b"nonsense")
    assert b"digest" in functions
    for _ in range(2):
        with pytest.raises(CannotUnpack, match="the function cannot be unpacked"):
            functions.get(b"digest")


def test_a_function_is_unpacked_once() -> None:
    f = pack_function(lambda: None)
    functions = Functions()
    functions.define(f.digest, f.code)
    assert functions.get(f.digest) is functions.get(f.digest)


def test_no_function_is_needed_for_what_calls_none() -> None:
    assert b"" in Functions()
    assert b"digest" not in Functions()


def test_the_oldest_functions_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    functions = Functions()
    code = pack_function(len).code
    for digest in (b"1", b"2", b"3"):
        functions.define(digest, code)
    assert [digest in functions for digest in (b"1", b"2", b"3")] == [False, True, True]
