"""Too few open files (`ulimit -n`): more are allowed, or it is told what to type."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from parallel import Client, Cluster, ControllerUnreachable, LauncherError
from parallel.transport import openfiles
from parallel.transport.connectionfiles import read_connection_file
from parallel.transport.locations import connection_file, profile_dir
from tests.commands import Running, running
from tests.integration.soon import said_soon

pytestmark = pytest.mark.slow

Limits = tuple[int, int]


@pytest.fixture
def limits() -> Iterator[Limits]:
    """Put the limits of this process back after the test, the soft one at least."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_are_allowed_than_the_shell_gave(limits: Limits) -> None:
    """The engines' code is given no more: what uses `select` relies on that."""
    few = 256, limits[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, few)
    with Cluster(n=2) as rc:
        given = rc[:].apply_sync(resource.getrlimit, resource.RLIMIT_NOFILE)
        assert given == [few] * 2
        agent = rc.cluster.record.pid
        assert resource.prlimit(agent, resource.RLIMIT_NOFILE)[0] > 256


def test_engines_that_are_too_many_are_told_before_any_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    with said_soon(
        LauncherError, "20 engines need 100 open files",
        "64 here at most", "`ulimit -n 100` as root",
    ):  # fmt: skip
        Cluster(n=20).start_cluster_sync()


WITH_ROOM_FOR = """
    import os, resource, sys
    from parallel import Client, TransportError

    room = int(sys.argv[1])
    taken = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + room, taken + room))
    try:
        with Client(profile_dir=sys.argv[2], cluster_id="x") as rc:
            print(rc[0].apply_sync(abs, -1))
    except TransportError as error:
        print(error)
"""


def test_a_client_without_room_is_told_and_goes_on(run: Callable[..., str]) -> None:
    """Libzmq would end its process where the last few are taken half way through."""
    with Cluster(n=1, cluster_id="x") as rc:
        for room in (1, 3, 12, openfiles.ROOM - 1, openfiles.ROOM + 2):
            said = run(WITH_ROOM_FOR, room, rc.cluster.profile_dir)
            if said != "1\n":
                assert "cannot connect: Too many open files" in said
                assert "`ulimit -n 1024` before it is started" in said
                assert room < openfiles.ROOM + 2


def test_a_controller_that_may_have_few_says_what_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert openfiles.say_if_few(["ipc://here"]) == ""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (200, 200))
    said = openfiles.say_if_few(["ipc://here"])
    assert "may have 200 files open, and no more (`ulimit -Hn`)" in said
    assert "36 clients and engines fit, and where many more connect at once" in said
    assert "`ulimit -n 4096` as root" in said
    assert "where many more connect" not in openfiles.say_if_few(["tcp://here:1"])


def give(controller: Running, count: int) -> None:
    """Let a controller have so many files open."""
    pid, name = controller.process.pid, resource.RLIMIT_NOFILE
    resource.prlimit(pid, name, (count, resource.prlimit(pid, name)[1]))


def fill(clients: contextlib.ExitStack) -> None:
    """Connect clients until no more are let in."""
    for _ in range(64):
        clients.enter_context(Client())


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_who_is_too_many_is_turned_away_and_the_others_work_on(transport: str) -> None:
    command = f"ipcontroller --transport={transport}"
    with running(command) as controller, running("ipengine"):
        controller.wait_for("joined")
        give(controller, 64)
        with contextlib.ExitStack() as clients:
            first = clients.enter_context(Client())
            with pytest.raises(ControllerUnreachable, match="all the connections"):
                fill(clients)
            assert first[:].apply_sync(abs, -1) == [1]
            pid = controller.process.pid
            controller.wait_for(f"`prlimit --pid {pid} --nofile=256`")
            give(controller, 256)  # as it tells: there is room at once
            assert clients.enter_context(Client())[:].apply_sync(abs, -1) == [1]
        controller.end()


FEW, ENOUGH = 256, openfiles.FEW


@pytest.mark.parametrize("most", [FEW, ENOUGH])
def test_a_flood_of_strangers_does_not_end_a_controller(
    limits: Limits, most: int
) -> None:
    """Where it may have few files open it listens on TCP, which bears that."""
    openfiles.allow_all()  # here, each of them is a file as well
    limited = ["prlimit", f"--nofile={most}"]
    with (
        running("ipcontroller", on_host=lambda words: limited + words) as controller,
        running("ipengine"),
    ):
        controller.wait_for("joined")
        with Client() as rc, contextlib.ExitStack() as strangers:
            rc[0]["x"] = 1
            ar = rc[0].apply_async(time.sleep, 1)
            info = read_connection_file(connection_file(profile_dir(), "", "client"))
            for _ in range(most + 400):
                strangers.enter_context(stranger_at(info.urls[0]))
            controller.wait_for("more are turned away")
            ar.get(30)
            assert rc[0]["x"] == 1
        with Client() as rc:
            assert rc[0]["x"] == 1
        controller.end()


def stranger_at(url: str) -> socket.socket:
    """Return a connection of somebody who says nothing."""
    if url.startswith("ipc:"):
        stranger = socket.socket(socket.AF_UNIX)
        stranger.connect(url.removeprefix("ipc://"))
        return stranger
    host, _, port = url.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)))


@pytest.mark.parametrize(("most", "transport"), [(FEW, "tcp"), (ENOUGH, "ipc")])
def test_a_cluster_listens_on_what_bears_a_flood(
    monkeypatch: pytest.MonkeyPatch, most: int, transport: str
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most))
    assert Cluster().transport == transport
