"""The addresses of this host are found, whichever interface has them."""

from __future__ import annotations

import socket

import pytest

from parallel.transport import interfaces
from parallel.transport.interfaces import own_addresses


def test_each_is_of_this_host() -> None:
    found = own_addresses(with_version_6=True)
    assert "127.0.0.1" in found
    for address in found:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))


def test_loopback_comes_last() -> None:
    assert own_addresses()[-1] == "127.0.0.1"


def test_a_system_that_lists_none_has_its_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interfaces, "_outward", list)
    monkeypatch.setattr(interfaces, "_on_interfaces", list)
    assert own_addresses() == ["127.0.0.1"]


def test_what_holds_on_one_link_only_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = ["169.254.3.4", "fe80::1", "10.0.0.1", "127.0.0.1"]
    monkeypatch.setattr(interfaces, "_outward", list)
    monkeypatch.setattr(interfaces, "_on_interfaces", lambda: told)
    assert own_addresses(with_version_6=True) == ["10.0.0.1", "127.0.0.1"]
