"""What a task showed is told as it stands in the end."""

from __future__ import annotations

import pytest

from parallel.client.shown import Shown, overwritten


@pytest.mark.parametrize(
    ("printed", "stays"),
    [
        ("", ""),
        ("plain\ntext", "plain\ntext"),
        ("a\rb\n", "b\n"),
        ("\r10%\r20%\r30%", "30%"),
        ("first\n\r10%\r20%\nlast\n", "first\n20%\nlast\n"),
        ("10%\r", "10%\r"),
        ("10%\r20%\r", "20%\r"),
        ("of Windows\r\ntwo\r\r\n", "of Windows\r\ntwo\r\r\n"),
        ("\r", "\r"),
    ],
)
def test_a_line_that_was_begun_anew_is_told_once(printed: str, stays: str) -> None:
    assert overwritten(printed) == stays


def test_a_bar_of_a_long_line_takes_no_longer_than_it_has_to() -> None:
    drawn = "".join(f"\r{i}" + "x" * 1_000 for i in range(2_000))
    assert overwritten("y" * 1_000_000 + "\n" + drawn)[1_000_001:][:4] == "1999"


def test_data_is_updated_name_by_name() -> None:
    shown = Shown()
    shown.take("data", {"a": 1, "b": 2})
    shown.take("data", {"a": 3})
    assert shown.data == {"a": 3, "b": 2}


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind: 'sound'"):
        Shown().take("sound", {})
