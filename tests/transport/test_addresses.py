"""An address to listen on becomes the one by which it is reached."""

from __future__ import annotations

import socket

import pytest

from parallel.transport.addresses import advertised, is_loopback
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


def test_a_socket_on_all_interfaces_is_told_of_by_each_of_them() -> None:
    told = advertised("tcp://0.0.0.0:5555", "head.example.org")
    assert told[0] == "tcp://head.example.org:5555"
    assert told[-1] == "tcp://127.0.0.1:5555"
    assert len(set(told)) == len(told)
    assert not any("0.0.0.0" in url for url in told)


def test_addresses_of_version_6_are_in_brackets() -> None:
    told = advertised("tcp://[::]:5555")
    assert "tcp://127.0.0.1:5555" in told
    assert all(url.count(":") == 2 or "[" in url for url in told)


@pytest.mark.parametrize("url", ["tcp://192.0.2.7:5555", "ipc:///run/a"])
def test_a_socket_on_one_interface_is_told_of_by_that(url: str) -> None:
    assert advertised(url, "head.example.org") == [url]


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("ipc:///run/a", True),
        ("tcp://127.0.0.1:1", True),
        ("tcp://127.0.1.1:1", True),
        ("tcp://localhost:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://192.0.2.7:1", False),
        ("tcp://127.example.org:1", False),
    ],
)
def test_loopbacks_are_known(url: str, is_one: bool) -> None:
    assert is_loopback(url) is is_one
