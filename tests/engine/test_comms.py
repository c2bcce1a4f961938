"""What widgets say reaches the clients that have shown them, in few messages."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import pytest

from parallel.engine import comms as module
from parallel.engine import publishing
from parallel.engine.comms import EVERY, Comms
from parallel.engine.halves import hear, open_comms
from parallel.protocol.messages import Message, Publish
from parallel.protocol.wire import unstow
from parallel.serialize.calls import unpack_value

ANN, BOB = b"ann" + bytes(13), b"bob" + bytes(13)


class Engine:
    """An engine whose tasks are begun and ended by a test, which is its clock."""

    def __init__(self) -> None:
        self.innermost: tuple[int, bytes] | None = None
        self.now = 1000.0
        self.said: list[tuple[int, dict[str, Any]]] = []
        self.expected = 0
        self._ordinals = itertools.count(1)
        it: Any = self
        self.comms = Comms(it, it, lambda: None, lambda: None, self._expect, 3)

    def begin(self, client: bytes) -> int:
        """Begin a task of a client."""
        ordinal = next(self._ordinals)
        self.innermost = ordinal, client + bytes(8)
        return ordinal

    def end(self) -> None:
        """End it."""
        self.innermost = None

    def _expect(self) -> None:
        self.expected += 1

    # A sender's, and of turns

    def hold(self, message: Message, frames: Sequence[Any]) -> None:
        assert isinstance(message, Publish)
        payload, buffers = unstow(message.payload, frames)
        told = unpack_value(payload, buffers, "it")
        assert told["engine"] == 3
        self.said += [(message.ordinal, each) for each in told["messages"]]

    def say(self, messages: Sequence[Message], frames: Sequence[Any]) -> None:
        (message,) = messages
        self.hold(message, frames)

    def apart(self) -> Any:
        return nullcontext()

    def heard(self) -> list[tuple[int, str, Any]]:
        """Return what was said since the last call: tasks, kinds, states."""
        said, self.said = self.said, []
        return [(n, each["kind"], each["data"].get("state")) for n, each in said]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Return an engine that this process is for a while."""
    comm = pytest.importorskip("comm")
    made = Engine()
    monkeypatch.setattr(module, "current", made.comms)
    monkeypatch.setattr(module, "monotonic", lambda: made.now)
    monkeypatch.setattr(publishing, "current", made)
    monkeypatch.setattr(comm, "create_comm", None)
    manager = comm.base_comm.CommManager()
    monkeypatch.setattr(comm, "get_comm_manager", lambda: manager)
    open_comms(comm)
    yield made
    for each in list(manager.comms.values()):
        each.close()


def update(**state: Any) -> dict[str, Any]:
    return {"method": "update", "state": state, "buffer_paths": []}


def test_a_comm_talks_with_the_client_whose_task_has_made_it(engine: Engine) -> None:
    import comm

    first = engine.begin(ANN)
    made = comm.create_comm(target_name="mine", data={"state": {"a": 0}})
    assert engine.heard() == [(first, "comm_open", {"a": 0})]
    engine.begin(BOB)
    engine.now += 1
    made.send(update(a=1))
    assert engine.heard() == [(first, "comm_msg", {"a": 1})]
    second = engine.begin(ANN)
    engine.now += 1
    made.send(update(a=2), buffers=[memoryview(b"abc")])
    assert engine.said[0][1]["buffers"] == [b"abc"]
    assert engine.heard() == [(second, "comm_msg", {"a": 2})]
    engine.end()
    made.close()
    engine.comms.flush()
    assert engine.heard() == [(second, "comm_close", None)]
    made.send(update(a=3))
    engine.comms.flush()
    assert not engine.said


def test_what_changes_again_at_once_is_told_as_it_is_then(engine: Engine) -> None:
    import comm

    ordinal = engine.begin(ANN)
    one, two = (comm.create_comm(data={}) for _ in range(2))
    engine.heard()
    for i in range(100):
        one.send(update(a=i))
        two.send(update(**{f"b{i % 2}": i}))
    assert not engine.said
    assert engine.expected
    engine.comms.flush()
    told = [(ordinal, "comm_msg", {"a": 99})]
    told.append((ordinal, "comm_msg", {"b0": 98, "b1": 99}))
    assert engine.heard() == told
    one.send(update(a=100))
    one.send({"method": "custom"})
    one.send(update(a=101))
    engine.now += 2 * EVERY
    one.send(update(a=102))
    assert [state for *_, state in engine.heard()] == [{"a": 100}, None, {"a": 102}]


def test_another_thread_leaves_it_to_the_side_thread(engine: Engine) -> None:
    import comm

    engine.begin(ANN)
    made = comm.create_comm(data={})
    engine.heard()
    engine.now += 1
    thread = threading.Thread(target=made.send, args=(update(a=1),))
    thread.start()
    thread.join()
    assert not engine.said
    assert engine.expected
    engine.comms.flush()
    assert engine.heard() == [(1, "comm_msg", {"a": 1})]


def test_a_client_that_comes_later_is_told_all_that_a_widget_shows(
    engine: Engine,
) -> None:
    widgets = pytest.importorskip("ipywidgets")
    engine.begin(ANN)
    box = widgets.VBox([widgets.IntSlider()])
    box.children[0].value = 7
    engine.comms.flush()
    engine.heard()
    second = engine.begin(BOB)
    for _ in range(2):
        engine.comms.show(box.model_id)
    told = engine.heard()
    assert {(ordinal, kind) for ordinal, kind, _ in told} == {(second, "comm_open")}
    names = [state["_model_name"] for *_, state in told]
    assert sorted(names[:-1]) == [
        "IntSliderModel", "LayoutModel", "LayoutModel", "SliderStyleModel"
    ]  # fmt: skip
    assert names[-1] == "VBoxModel"
    assert names.index("SliderStyleModel") < names.index("IntSliderModel")
    (slider,) = (state for *_, state in told if state["_model_name"][:3] == "Int")
    assert slider["value"] == 7
    engine.now += 1
    box.children[0].value = 8
    assert [state for *_, state in engine.heard()] == [{"value": 8}] * 2


def test_of_what_is_heard_an_error_hinders_nothing_else(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    import comm

    engine.begin(ANN)
    made = comm.create_comm(data={})
    heard: list[Any] = []

    def on_msg(message: Any) -> None:
        heard.append((message["content"]["data"], message["buffers"]))
        heard[1]

    made.on_msg(on_msg)
    made.on_close(lambda _: heard.append("closed"))
    said = {"comm": made.comm_id, "kind": "comm_msg", "metadata": {}, "buffers": []}
    gone = {**said, "comm": "gone", "data": {}}
    close = {**said, "kind": "comm_close", "data": {}}
    hear([{**said, "data": {"n": n}} for n in range(2)] + [gone, close, close])
    assert heard == [({"n": 0}, []), ({"n": 1}, []), "closed"]
    assert capsys.readouterr().err.count("IndexError") == 1
    engine.heard()
    made.send(update(a=1))
    assert not engine.said
