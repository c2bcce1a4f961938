"""The last error of an engine is kept where `%debug` looks, unless it is large."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

from parallel.engine.debugging import open_debugger, tell_debugger
from parallel.engine.postmortem import (
    MOST_NBYTES,
    drop_error,
    keep_error,
    last_error,
)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    drop_error()


def fail_with(nbytes: int) -> None:
    data = bytes(nbytes)
    raise ValueError(len(data))


def fail_deeper(nbytes: int) -> None:
    parts = [bytes(nbytes)]
    fail_with(len(parts))


def kept(function: Callable[[int], None], nbytes: int) -> bool:
    try:
        function(nbytes)
    except ValueError as error:
        keep_error(error)
    return hasattr(sys, "last_traceback")


def test_the_last_one_is_kept_with_its_frames() -> None:
    assert kept(fail_deeper, 10)
    frames = sys.last_traceback
    assert frames.tb_frame.f_code.co_name == "kept"
    assert kept(fail_with, 20)
    assert sys.last_value.args == (20,)


@pytest.mark.parametrize("function", [fail_with, fail_deeper])
def test_one_whose_frames_have_much_data_is_not(
    function: Callable[[int], None],
) -> None:
    assert kept(fail_with, 10)
    assert not kept(function, MOST_NBYTES + 1)


def test_it_is_let_go() -> None:
    assert kept(fail_with, 10)
    drop_error()
    assert not hasattr(sys, "last_value")
    assert last_error() is None


def test_what_is_not_kept_is_known_with_the_reason() -> None:
    assert not kept(fail_with, MOST_NBYTES + 1)
    last = last_error()
    assert last is not None
    assert last.frames is None
    assert last.told == f"ValueError: {MOST_NBYTES + 1}"
    assert "16 MiB" in last.missing


def test_a_debugger_goes_with_its_error() -> None:
    assert kept(fail_with, 10)
    number = open_debugger().number
    assert tell_debugger(number, "p len(data)").text == "10\n"
    assert kept(fail_with, 20)
    gone = tell_debugger(number, "p len(data)")
    assert gone.number == 0
    assert "the error is gone" in gone.text


def test_what_a_command_says_is_bounded() -> None:
    assert kept(fail_with, 10)
    number = open_debugger().number
    text = tell_debugger(number, "print('x' * 2 * 1024 * 1024)").text
    assert len(text) < 1.1 * 1024 * 1024
    assert text.endswith("characters cut here ...]\n")
