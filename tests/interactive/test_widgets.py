"""Widgets of engines in a notebook: its front end draws them, and they hear of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parallel.protocol.views import VIEW
from tests.interactive.notebook import Notebook

pytest.importorskip("ipywidgets")
pytestmark = pytest.mark.slow

BEGIN = (
    "import parallel\nrc = parallel.Cluster(n=2).start_and_connect_sync()\n"
    "%pxconfig --progress-after -1"
)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """Start a kernel with two engines."""
    made = Notebook(tmp_path_factory.mktemp("notebook"))
    assert "Error" not in made.run(BEGIN)
    yield made
    made.run("rc.cluster.stop_cluster_sync()")
    made.close()


def opened(notebook: Notebook, model: str) -> list[str]:
    """Return the comms whose widgets are of a model, in the order of their opening."""
    return [
        content["comm_id"]
        for kind, content in notebook.comms
        if kind == "comm_open"
        and content["target_name"] == "jupyter.widget"
        and content["data"]["state"].get("_model_name") == model
    ]


def state(notebook: Notebook, comm: str) -> dict[str, Any]:
    """Return a widget's state as the front end has it."""
    found: dict[str, Any] = {}
    for _, content in notebook.comms:
        if content["comm_id"] == comm:
            found.update(content["data"].get("state", {}))
    return found


def move(notebook: Notebook, comm: str, **changed: Any) -> str:
    """Change a widget as its user does; return the id of the message."""
    data = {"method": "update", "state": changed, "buffer_paths": []}
    return notebook.say(comm, data)


def echoes(notebook: Notebook) -> list[tuple[str, dict[str, Any]]]:
    """Return the echoes of what was moved: what each answers, and its state."""
    return [
        (answered, content["data"]["state"])
        for answered, (_, content) in zip(
            notebook.answered, notebook.comms, strict=True
        )
        if content["data"].get("method") == "echo_update"
    ]


def test_a_slider_is_drawn_and_its_callback_runs_on_the_engine(
    notebook: Notebook,
) -> None:
    notebook.run(
        "%%px --targets 0\nimport ipywidgets\n"
        "slider = ipywidgets.IntSlider(value=3)\n"
        "slider.observe(lambda change: print('moved to', change.new), 'value')\n"
        "display(slider)\nslider.value = 5"
    )
    assert VIEW in notebook.kinds
    (slider,) = opened(notebook, "IntSliderModel")
    assert state(notebook, slider)["value"] == 5
    move(notebook, slider, value=8)
    notebook.wait_until(lambda: "[stdout:0] moved to 8" in notebook.text)
    assert notebook.run("rc[0]['slider.value']") == "8\n"


def test_a_button_is_pressed_though_a_cell_fails_before_it_is_heard(
    notebook: Notebook, tmp_path: Path
) -> None:
    notebook.run(
        "%%px --targets 1\nimport ipywidgets\npressed = []\n"
        "button = ipywidgets.Button()\nbutton.on_click(pressed.append)\nbutton"
    )
    assert VIEW in notebook.kinds
    (button,) = opened(notebook, "ButtonModel")
    gate = tmp_path / "gate"
    fails = (
        f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n"
        "    time.sleep(0.01)\n1 / 0"
    )
    notebook.run(f"bad = rc[1].execute({fails!r}, silent=False)")
    notebook.say(button, {"method": "custom", "content": {"event": "click"}})
    assert notebook.run("len(rc.outstanding)") == "2\n"
    gate.touch()
    notebook.run("rc.wait()")
    assert notebook.run("rc[1]['len(pressed)'], bad.successful()") == "(1, False)\n"
    assert notebook.run("bad.msg_ids[0] == rc.history[-2]") == "True\n"


def test_an_echo_answers_what_the_engine_has_heard_and_nothing_later(
    notebook: Notebook, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    notebook.run(
        "%%px --targets 0\nimport ipywidgets, os, time\nheard = []\n"
        "slider = ipywidgets.IntSlider()\n"
        "def hear(change):\n    heard.append(change.new)\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "slider.observe(hear, 'value')\ndisplay(slider)"
    )
    (slider,) = opened(notebook, "IntSliderModel")
    ids = [move(notebook, slider, value=1)]
    notebook.wait_until(lambda: len(echoes(notebook)) == 1)
    ids += [move(notebook, slider, value=value) for value in (2, 3, 4)]
    notebook.run("pass")  # the kernel has read all of them
    assert not echoes(notebook)
    gate.touch()
    notebook.wait_until(lambda: echoes(notebook))
    assert echoes(notebook) == [(ids[-1], {"value": 4})]
    assert notebook.run("rc[0]['heard']") == "[1, 4]\n"


def test_what_changes_while_a_cell_runs_and_after_it_is_shown_at_once(
    notebook: Notebook, tmp_path: Path
) -> None:
    gates = [tmp_path / "first", tmp_path / "second"]
    notebook.run(
        "%%px --targets 0\nimport os, threading, time, ipywidgets\n"
        "def wait(path):\n    while not os.path.exists(path): time.sleep(0.01)\n"
        "slider = ipywidgets.IntSlider()\ndisplay(slider)"
    )
    (slider,) = opened(notebook, "IntSliderModel")
    notebook.start(
        "%%px --targets 0\n"
        "for i in range(1, 10): slider.value = i\n"
        f"wait({str(gates[0])!r})\n"
        f"def later():\n    wait({str(gates[1])!r})\n    slider.value = 50\n"
        "thread = threading.Thread(target=later)\nthread.start()"
    )
    notebook.wait_until(lambda: state(notebook, slider).get("value") == 9)
    gates[0].touch()
    notebook.end()
    gates[1].touch()
    notebook.wait_until(lambda: state(notebook, slider).get("value") == 50)
    notebook.run("%%px --targets 0\nthread.join()")


def test_what_is_entered_shows_what_is_printed_and_the_cell_does_not(
    notebook: Notebook,
) -> None:
    shown = notebook.run(
        "%%px --targets 0\nfrom ipywidgets import interact\n"
        "print('before')\n"
        "@interact(x=(0, 10))\ndef f(x=2):\n"
        "    print('x is', x)\n    display(x)\nprint('after')"
    )
    assert "before" in shown
    assert "after" in shown
    assert "x is" not in shown
    (slider,) = opened(notebook, "IntSliderModel")
    (output,) = opened(notebook, "OutputModel")

    def texts() -> list[str]:
        told = state(notebook, output)["outputs"]
        return [each.get("text") or each["data"]["text/plain"] for each in told]

    assert texts() == ["x is 2\n", "2"]
    move(notebook, slider, value=7)
    notebook.wait_until(lambda: texts() == ["x is 7\n", "7"])
    assert "x is" not in notebook.text


def test_what_a_callback_raises_is_told_and_the_next_one_runs(
    notebook: Notebook,
) -> None:
    notebook.run(
        "%%px --targets 0\nimport ipywidgets\nslider = ipywidgets.IntSlider()\n"
        "slider.observe(lambda change: print(1 / (change.new - 1)), 'value')\n"
        "display(slider)"
    )
    (slider,) = opened(notebook, "IntSliderModel")
    move(notebook, slider, value=1)
    notebook.wait_until(lambda: "ZeroDivisionError" in notebook.text)
    move(notebook, slider, value=2)
    notebook.wait_until(lambda: "[stdout:0] 1.0" in notebook.text)


def test_a_flood_of_changes_comes_as_a_few_and_the_last_one_is_true(
    notebook: Notebook,
) -> None:
    notebook.run(
        "%%px\nfrom tqdm.notebook import tqdm\n"
        "for i in tqdm(range(2000), mininterval=0, miniters=1): pass"
    )
    bars = opened(notebook, "FloatProgressModel")
    assert len(bars) == 2
    assert [state(notebook, bar)["value"] for bar in bars] == [2000.0] * 2
    changes = [content for kind, content in notebook.comms if kind == "comm_msg"]
    assert len(changes) < 2000


def test_a_page_that_is_loaded_anew_is_told_of_the_engines_widgets(
    notebook: Notebook,
) -> None:
    notebook.run(
        "%%px --targets 0\nimport ipywidgets\n"
        "slider, image = ipywidgets.IntSlider(), ipywidgets.Image(value=b'abc')\n"
        "display(slider, image)\nslider.value = 5"
    )
    (slider,) = opened(notebook, "IntSliderModel")
    (image,) = opened(notebook, "ImageModel")
    notebook.run("import ipywidgets\nown = ipywidgets.Text()")
    (own,) = opened(notebook, "TextModel")
    notebook.run("%%px --targets 0\nslider.max = 20")
    move(notebook, slider, value=7)
    notebook.open("control", "jupyter.widget.control", "1.0.0")
    notebook.say("control", {"method": "request_states"})
    answers: list[dict[str, Any]] = []

    def told() -> bool:
        answers[:] = [c["data"] for _, c in notebook.comms if c["comm_id"] == "control"]
        return bool(answers)

    notebook.wait_until(told)
    states = answers[0]["states"]
    assert {own, slider, image} <= set(states)
    assert states[slider]["model_name"] == "IntSliderModel"
    assert states[slider]["model_module"] == "@jupyter-widgets/controls"
    values = states[slider]["state"]
    assert (values["value"], values["max"]) == (7, 20)
    assert [image, "state", "value"] in answers[0]["buffer_paths"]


@pytest.mark.parametrize("has_control", [True, False])
def test_a_page_that_is_loaded_anew_shows_what_was_printed_in_a_widget(
    notebook: Notebook, has_control: bool
) -> None:
    notebook.run(
        "%%px --targets 0\nimport ipywidgets\noutput = ipywidgets.Output()\n"
        "display(output)\nwith output:\n    print('inside')\n    display(6 * 7)"
    )
    (output,) = opened(notebook, "OutputModel")
    asked = output
    if has_control:
        notebook.run("import ipywidgets\nown = ipywidgets.Text()")
        notebook.run("%%px --targets 0\noutput.layout.width = '50%'")
        asked = "control"
        notebook.open(asked, "jupyter.widget.control", "1.0.0")
    before = len(notebook.comms)
    method = "request_states" if has_control else "request_state"
    notebook.say(asked, {"method": method})
    answers: list[dict[str, Any]] = []

    def told() -> bool:
        new = notebook.comms[before:]
        answers[:] = [c["data"] for _, c in new if c["comm_id"] == asked]
        return bool(answers)

    notebook.wait_until(told)
    states = answers[0]["states"] if has_control else {output: answers[0]}
    text, shown = states[output]["state"]["outputs"]
    assert text == {"output_type": "stream", "name": "stdout", "text": "inside\n"}
    assert shown["data"]["text/plain"] == "42"


def test_a_widget_that_is_closed_there_vanishes_here(notebook: Notebook) -> None:
    notebook.run(
        "%%px --targets 1\nimport ipywidgets\nslider = ipywidgets.IntSlider()\n"
        "display(slider)"
    )
    (slider,) = opened(notebook, "IntSliderModel")
    notebook.run("%%px --targets 1\nslider.close()")
    assert ("comm_close", slider) in [(k, c["comm_id"]) for k, c in notebook.comms]


def test_who_moves_a_widget_of_a_dead_engine_is_told_so(notebook: Notebook) -> None:
    notebook.run("own = parallel.Cluster(n=1).start_and_connect_sync()")
    cell = (
        "import ipywidgets, os\nslider = ipywidgets.IntSlider()\n"
        "slider.observe(lambda change: os.kill(os.getpid(), 9), 'value')\n"
        "display(slider)"
    )
    notebook.run(
        f"ar = own[0].execute({cell!r}, silent=False)\nar.get()\nar.display_outputs()"
    )
    assert VIEW in notebook.kinds
    (slider,) = opened(notebook, "IntSliderModel")
    for times in (1, 2):
        move(notebook, slider, value=times)
        said = ["engine 0 does not hear its widget"] * times
        notebook.wait_until(
            lambda s=said: re.findall("engine 0 does .* widget", notebook.text) == s
        )
    notebook.run("own.cluster.stop_cluster_sync()")
    assert notebook.run("rc[0].apply_sync(abs, -2)") == "2\n"
