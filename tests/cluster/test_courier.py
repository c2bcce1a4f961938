"""What the courier does with an agent's last words."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from parallel.cluster import courier
from parallel.cluster.courier import Courier, CourierSpec
from parallel.protocol.messages import EngineDied, Goodbye, Hello, Mark, Stop, Welcome
from parallel.protocol.wire import controller_decoder, encode
from parallel.transport import sockets
from parallel.transport.endpoints import bind_controller, new_context
from parallel.transport.keys import new_keys
from parallel.transport.pipe import Pipe
from parallel.transport.watcher import wait_readable

SESSION, ANOTHER = b"s" * 16, b"t" * 16
DIED = EngineDied(b"e" * 16, "was killed", 1)
#: What is waited for is there within this, seconds.
PATIENCE = 60


class Controller:
    """Hears a courier, and answers what a test has it answer."""

    def __init__(self, context: zmq.Context[Any], folder: Path) -> None:
        keys = new_keys()
        self.socket, urls = bind_controller(context, [f"ipc://{folder}/c"], keys)
        self.info = keys.info("engine", "", urls, encrypted=False)
        self._decoder = controller_decoder()
        self._heard: list[Any] = []
        self._name = b""

    def hear(self, kind: type) -> Any:
        """Return the next message, which is of this kind."""
        while not self._heard:
            assert wait_readable([self.socket], [], PATIENCE), f"no {kind.__name__}"
            batch = sockets.receive_routed(self.socket)
            if batch is not None:
                self._name = batch[0]
                messages = self._decoder.decode(batch[1].buffer)[1]
                self._heard += [m for m in messages if not isinstance(m, Mark)]
        message = self._heard.pop(0)
        assert isinstance(message, kind)
        return message

    def say(self, message: Any, session: bytes = SESSION) -> None:
        """Say something to whom it heard last."""
        sockets.send(self.socket, [self._name, encode(session, [message])])


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    context = new_context(encrypted=False)
    yield Controller(context, tmp_path)
    context.destroy(0)


@contextlib.contextmanager
def leaving(controller: Controller) -> Iterator[threading.Thread]:
    """Have a courier carry the news of a death, and its agent end right after that."""
    ours, theirs = socket.socketpair()
    spec = CourierSpec(
        info=controller.info, agent=b"a" * 16, timeout=PATIENCE, reconnect_timeout=1
    )
    end = Pipe(theirs, list[EngineDied | Stop])
    thread = threading.Thread(target=lambda: Courier(spec, end).run())
    thread.start()
    controller.hear(Hello)
    controller.say(Welcome(SESSION, None, []))
    agent = Pipe(ours, list[Any])
    assert wait_readable([], [agent.fileno()], PATIENCE), "it was not let in"
    agent.send([DIED, Stop()])
    agent.close()
    assert controller.hear(EngineDied) == DIED
    yield thread
    thread.join(PATIENCE)
    assert not thread.is_alive()
    end.close()


def test_it_leaves_once_the_controller_has_heard_all(controller: Controller) -> None:
    with leaving(controller):
        controller.hear(Hello)
        controller.say(Welcome(SESSION, None, [], received=1, confirmed=1))
        controller.hear(Goodbye)


def test_what_was_lost_on_its_way_is_said_again(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "PARTING", PATIENCE)
    with leaving(controller):
        controller.hear(Hello)
        controller.say(Welcome(SESSION, None, [], received=0))
        assert controller.hear(EngineDied) == DIED
        controller.say(Mark(0, 1))
        controller.hear(Goodbye)


def test_another_controller_is_told_as_well(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "PARTING", PATIENCE)
    with leaving(controller):
        controller.hear(Hello)
        controller.say(Welcome(ANOTHER, None, [], epoch=2), ANOTHER)
        assert controller.hear(EngineDied) == DIED
        controller.say(Mark(0, 1), ANOTHER)
        controller.hear(Goodbye)


def test_who_does_not_answer_is_not_waited_for_long(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "PARTING", 0.1)
    with leaving(controller) as thread:
        thread.join(PATIENCE)
        assert not thread.is_alive()
