"""What an engine says of itself gives it no power over other processes."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from parallel import Client, TaskTimeout
from parallel.protocol.messages import Assign, Interrupt, Refused, Signal, Welcome
from parallel.transport.connectionfiles import read_connection_file
from parallel.transport.endpoints import new_context
from parallel.transport.locations import connection_file, profile_dir
from tests.commands import running
from tests.fakes.peers import FakePeer
from tests.integration.tasks import add


@contextlib.contextmanager
def connecting() -> Iterator[Any]:
    context = new_context(encrypted=True)
    try:
        yield context
    finally:
        context.destroy(100)


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_the_process_that_an_engine_names_is_not_killed_for_its_task(
    transport: str,
) -> None:
    options = f"--transport={transport} --IPController.grace=0.1"
    with (
        running(f"ipcontroller {options}") as controller,
        connecting() as context,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as bystander,
    ):
        controller.wait_for("listening")
        info = read_connection_file(connection_file(profile_dir(), "", "engine"))
        work, control = FakePeer(context, info), FakePeer(context, info)
        for peer, channel in ((work, "work"), (control, "control")):
            assert isinstance(
                peer.greet(channel=channel, uuid=work.uuid, pid=bystander.pid), Welcome
            )
        with Client() as client:
            client.wait_for_engines(1, timeout=30)
            view = client.load_balanced_view()
            with view.temp_flags(time_limit=0.1, engine_retries=0):
                view.apply_async(add, 1)
            work.wait_for(Assign)
            control.wait_for(Interrupt)
            # It is told to end itself: nobody else is ended in its place.
            assert control.wait_for(Signal).signum == "SIGKILL"
            assert bystander.poll() is None
        bystander.communicate(b"\n")
        assert bystander.returncode == 0
        controller.end()


@pytest.mark.parametrize("pid", [0, -1])
def test_what_is_no_processs_number_is_refused(pid: int) -> None:
    with (
        running("ipcontroller") as controller,
        connecting() as context,
    ):
        controller.wait_for("listening")
        info = read_connection_file(connection_file(profile_dir(), "", "engine"))
        answer = FakePeer(context, info).greet(pid=pid)
        assert isinstance(answer, Refused)
        assert "malformed" in answer.reason
        controller.end()


def heed_nothing() -> None:
    """Run on, whatever interrupts it."""
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_an_engine_without_an_agent_is_killed_for_its_task(transport: str) -> None:
    options = f"--transport={transport} --IPController.grace=0.1"
    with running(f"ipcontroller {options}") as controller, running("ipengine") as own:
        controller.wait_for("joined")
        with Client() as client:
            view = client.load_balanced_view()
            with view.temp_flags(time_limit=0.1, engine_retries=0):
                ar = view.apply_async(heed_nothing)
            with pytest.raises(TaskTimeout, match="its engine 0 is gone"):
                ar.get(30)
        own.wait(-signal.SIGKILL)
        controller.end()
