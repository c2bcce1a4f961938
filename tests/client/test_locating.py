"""What a client is given is read as a connection file, or refused in words."""

from __future__ import annotations

import pytest

from parallel.client.locating import check_options, read, warn_of_loopback
from parallel.errors import NotAvailable
from parallel.protocol.connection import ConnectionInfo


def info(location: str, *urls: str) -> ConnectionInfo:
    return ConnectionInfo(
        cluster_id="", urls=list(urls), role="client", secret="s", location=location
    )


def test_an_address_is_no_connection_file() -> None:
    with pytest.raises(ValueError, match="an address"):
        read("tcp://127.0.0.1:5000", 0)


def test_what_other_sessions_take_is_left_out() -> None:
    check_options({"packer": "json", "username": "me"}, None, None)


@pytest.mark.parametrize(
    ("name", "hint"), [("profil", "did you mean profile"), ("zzz", "no argument 'zzz'")]
)
def test_a_mistyped_option_is_an_error(name: str, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        check_options({name: 1}, None, None)


def test_a_tunnel_that_would_ask_for_a_password_is_refused() -> None:
    with pytest.raises(NotAvailable, match=r"password=….*by a key: ssh-keygen"):
        check_options({}, "secret", None)
    with pytest.raises(NotAvailable, match="paramiko=True"):
        check_options({}, None, True)


def test_a_far_loopback_is_warned_of() -> None:
    with pytest.warns(RuntimeWarning, match="elsewhere.*--ip"):
        warn_of_loopback(info("elsewhere", "tcp://127.0.0.1:5000"))
    warn_of_loopback(info("elsewhere", "tcp://10.0.0.1:5000", "ipc:///x"))
