"""Engines are spread over hosts, or hosts filled in turn; too many are refused."""

from __future__ import annotations

import pytest

from parallel.cluster.launchers.spreading import filled, limits, spread
from parallel.errors import LauncherError


def test_engines_are_spread_evenly() -> None:
    assert spread(5, ["a", "b", "c"]) == {"a": 2, "b": 2, "c": 1}
    assert spread(1, ["a", "b"]) == {"a": 1}


def test_hosts_are_filled_in_turn() -> None:
    assert filled(5, {"a": 4, "b": 4, "c": 4}) == {"a": 4, "b": 1}
    assert filled(7, {"a": 4, "b": None}) == {"a": 4, "b": 3}


def test_more_than_there_is_room_for_is_refused() -> None:
    with pytest.raises(LauncherError, match=r"9 engines .* take 8 \(a: 4, b: 4\)"):
        filled(9, {"a": 4, "b": 4})


def test_a_host_may_have_options_of_its_own() -> None:
    engines = {"a": 2, "b": {"n": 3, "python": "python3"}, "c": {}}
    assert limits(engines) == {"a": 2, "b": 3, "c": None}


@pytest.mark.parametrize("given", [0, -1, "two", {"m": 2}, {"n": "2"}])
def test_what_is_no_number_of_engines(given: object) -> None:
    with pytest.raises(LauncherError, match=r"engines on a: .* neither a number"):
        limits({"a": given})
