"""An address to listen on becomes the one by which it is reached."""

from __future__ import annotations

import socket

import pytest

from parallel.util import disambiguate_ip_address, disambiguate_url


@pytest.mark.parametrize("every", ["*", "0.0.0.0"])
@pytest.mark.parametrize("here", [None, "", "127.0.0.1", "localhost", "own"])
def test_all_interfaces_of_this_host_are_reached_at_its_own(
    every: str, here: str | None
) -> None:
    location = socket.gethostname() if here == "own" else here
    assert disambiguate_url(f"tcp://{every}:5555", location) == "tcp://127.0.0.1:5555"
    assert disambiguate_ip_address(every, location) == "127.0.0.1"


def test_another_host_is_reached_at_its_address() -> None:
    assert disambiguate_url("tcp://*:5555", "192.0.2.7") == "tcp://192.0.2.7:5555"


def test_a_host_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(host: str) -> str:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "gethostbyname", fail)
    with pytest.warns(RuntimeWarning, match=r"far\.invalid: no such name"):
        assert disambiguate_ip_address("*", "far.invalid") == "far.invalid"


@pytest.mark.parametrize("url", ["tcp://192.0.2.7:5555", "ipc:///run/a", "garbage"])
def test_what_is_one_place_stays(url: str) -> None:
    assert disambiguate_url(url, "192.0.2.8") == url


def test_one_interface_stays() -> None:
    assert disambiguate_ip_address("192.0.2.7", "192.0.2.8") == "192.0.2.7"
