"""Hosts to reach by ssh are read as people write them, and ssh's words understood."""

from __future__ import annotations

import pytest

from parallel.errors import LauncherError
from parallel.transport.ssh import Destination, advice, is_transient, last_words


@pytest.mark.parametrize(
    ("written", "host", "user", "port"),
    [
        ("head", "head", "", None),
        ("me@head", "head", "me", None),
        ("me@head:2222", "head", "me", 2222),
        ("ssh://me@head.example.org:2222/", "head.example.org", "me", 2222),
        ("head:22", "head", "", 22),
        ("[2001:db8::1]:22", "2001:db8::1", "", 22),
        ("2001:db8::1", "2001:db8::1", "", None),
    ],
)
def test_a_destination(written: str, host: str, user: str, port: int | None) -> None:
    assert Destination.read(written) == Destination(host=host, user=user, port=port)


@pytest.mark.parametrize("written", ["", "-oProxyCommand=x", "a b", "me@", "h:x", "@h"])
def test_what_is_no_destination(written: str) -> None:
    with pytest.raises(LauncherError, match="is no host to reach by ssh"):
        Destination.read(written)


def test_the_command_asks_nobody_and_takes_no_host_for_an_option() -> None:
    words = Destination.read("me@head:22", "~/key").words("-N")
    assert words[0] == "ssh"
    assert "-oBatchMode=yes" in words
    assert words[-3:] == ["-N", "--", "head"]
    assert "~" not in words[words.index("-i") + 1]


def test_which_ssh_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARALLEL_SSH", "ssh -F '/my files/config'")
    assert Destination.read("head").words()[:3] == ["ssh", "-F", "/my files/config"]


def test_a_host_with_many_logins_is_asked_again() -> None:
    assert is_transient("kex_exchange_identification: Connection closed by remote host")
    assert is_transient("Connection reset by 192.0.2.7 port 22")
    assert not is_transient("me@head: Permission denied (publickey).")
    assert not is_transient("ssh: connect to host head port 22: Connection refused")
    assert not is_transient("ssh: connect to host head port 22: Connection timed out")


def test_each_thing_is_quoted_once() -> None:
    said = (
        "Warning: Permanently added 'head' to the list of known hosts.\n\n"
        "channel 1: open failed: connect failed: Connection refused\n"
        "channel 2: open failed: connect failed: Connection refused\n"
    )
    assert last_words(said) == "open failed: connect failed: Connection refused"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("head", "`ssh-copy-id head`"),
        ("me@head:2222", "`ssh-copy-id -p 2222 me@head`"),
        ("[2001:db8::1]:22", "`ssh-copy-id -p 22 2001:db8::1`"),
    ],
)
def test_what_to_do_can_be_pasted(written: str, words: str) -> None:
    assert words in advice("me@head: Permission denied (publickey).", written)
    assert advice("ssh: connect to host head port 22: No route to host", written) == ""
