"""The line between a rank and Slurm, with this process as both."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from parallel.cluster.pmi import open_relay

STEP = {"SLURM_STEP_ID": "0"}


@pytest.fixture
def slurm() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the end of who starts ranks, and that which the rank is given."""
    ends = socket.socketpair()
    with ends[0], ends[1]:
        yield ends


def relayed(line: socket.socket) -> socket.socket:
    """Return what the rank that was given this line speaks through."""
    relay = open_relay({**STEP, "PMI_FD": str(line.fileno())})
    assert relay is not None
    rank = socket.socket(fileno=os.dup(relay._theirs.fileno()))
    relay.start()
    rank.settimeout(30)
    return rank


def test_values_are_told_to_be_short_enough(
    slurm: tuple[socket.socket, socket.socket],
) -> None:
    theirs, given = slurm
    with relayed(given) as rank:
        rank.sendall(b"cmd=get_maxes\n")
        assert theirs.recv(100) == b"cmd=get_maxes\n"
        theirs.sendall(b"cmd=maxes rc=0 keylen_max=64 vallen_max=1024\n")
        assert rank.recv(100) == b"cmd=maxes rc=0 keylen_max=64 vallen_max=512\n"
        theirs.sendall(b"cmd=maxes vallen_max=256\n")
        assert rank.recv(100) == b"cmd=maxes vallen_max=256\n"
        theirs.sendall(b"cmd=get_result rc=0 value=2020\n")
        assert rank.recv(100) == b"cmd=get_result rc=0 value=2020\n"
    wait_for_relay()


def test_a_rank_sees_that_its_starter_has_hung_up(
    slurm: tuple[socket.socket, socket.socket],
) -> None:
    theirs, given = slurm
    with relayed(given) as rank:
        theirs.shutdown(socket.SHUT_RDWR)
        assert rank.recv(100) == b""
    wait_for_relay()


def wait_for_relay() -> None:
    for thread in threading.enumerate():
        if thread.name == "parallel-pmi":
            thread.join(30)


def test_others_than_slurm_speak_for_themselves(
    slurm: tuple[socket.socket, socket.socket],
) -> None:
    assert open_relay({"PMI_FD": str(slurm[1].fileno())}) is None
    assert open_relay(STEP) is None
