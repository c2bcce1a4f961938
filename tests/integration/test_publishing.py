"""What a task shows while it runs reaches the client, in order and whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from parallel import Client
from parallel.datapub import publish_data
from tests.integration.tasks import wait_for
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_data_is_there_while_the_task_runs(cluster: Client, gate: Path) -> None:
    def publish(path: str) -> str:
        publish_data({"a": 1, "b": [2]})
        wait_for(path)
        publish_data({"a": 3})
        return "done"

    result = cluster[:].apply_async(publish, str(gate))
    wait_until(lambda: result.data == [{"a": 1, "b": [2]}] * 4, what="data")
    assert not result.ready()
    gate.touch()
    assert result.get(10) == ["done"] * 4
    assert result.data == [{"a": 3, "b": [2]}] * 4


def test_it_is_whole_when_the_result_is_there(cluster: Client) -> None:
    def count(n: int) -> int:
        for i in range(n):
            publish_data({"i": i, str(i): i})
        return n

    result = cluster[0].apply_async(count, 500)
    result.get(10)
    assert result.data == {"i": 499, **{str(i): i for i in range(500)}}


def test_a_failed_task_has_shown_what_it_did(cluster: Client) -> None:
    def fail() -> None:
        publish_data({"a": 1})
        raise ValueError("after that")

    result = cluster[0].apply_async(fail)
    with pytest.raises(ValueError, match="after that"):
        result.get(10)
    assert result.data == {"a": 1}


def test_large_arrays_and_objects_of_ones_own(cluster: Client) -> None:
    numpy = pytest.importorskip("numpy")

    def publish() -> None:
        import numpy

        class Own:
            def __init__(self) -> None:
                self.a = 1

        publish_data({"large": numpy.arange(1_000_000), "own": Own()})

    result = cluster[0].apply_async(publish)
    result.get(10)
    assert (result.data["large"] == numpy.arange(1_000_000)).all()
    assert result.data["own"].a == 1


def test_from_a_thread_of_the_task(cluster: Client) -> None:
    def publish() -> None:
        import threading

        thread = threading.Thread(target=publish_data, args=({"a": 1},))
        thread.start()
        thread.join()

    result = cluster[0].apply_async(publish)
    result.get(10)
    wait_until(lambda: result.data == {"a": 1}, what="data")


def test_outside_of_a_task_it_is_refused() -> None:
    with pytest.raises(RuntimeError, match="this is no task that runs on an engine"):
        publish_data({"a": 1})
    wrong: Any = [1]
    with pytest.raises(TypeError, match="takes a dict"):
        publish_data(wrong)


def test_what_cannot_travel_is_named(cluster: Client) -> None:
    def publish() -> None:
        import threading

        publish_data({"a": threading.Lock()})

    with pytest.raises(TypeError, match="cannot send what is published"):
        cluster[0].apply_sync(publish)


def test_displays(cluster: Client) -> None:
    pytest.importorskip("IPython")
    code = "from IPython.display import display\nfor i in range(50): display(i)\n1 / 0"
    result = cluster[0].execute(code, silent=False)
    result.wait(10)
    assert not result.successful()
    shown = [output["data"]["text/plain"] for output in result.outputs]
    assert shown == [str(i) for i in range(50)]


def test_displays_are_there_while_the_task_runs(cluster: Client, gate: Path) -> None:
    pytest.importorskip("IPython")

    def show(path: str) -> None:
        from IPython.display import display

        display("here")
        wait_for(path)
        display("there")

    def shown() -> list[str]:
        return [output["data"]["text/plain"] for output in result.outputs]

    result = cluster[0].apply_async(show, str(gate))
    wait_until(lambda: shown() == ["'here'"], what="display of a running task")
    assert not result.ready()
    gate.touch()
    result.get(10)
    assert shown() == ["'here'", "'there'"]


def test_displays_of_a_call(cluster: Client) -> None:
    pytest.importorskip("IPython")

    def show() -> bool:
        from IPython import get_ipython
        from IPython.display import display

        display("here")
        return get_ipython() is not None

    result = cluster[:].apply_async(show)
    assert result.get(20) == [True] * 4
    shown = [outputs[0]["data"]["text/plain"] for outputs in result.outputs]
    assert shown == ["'here'"] * 4
