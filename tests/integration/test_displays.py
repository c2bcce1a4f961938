"""What IPython shows on engines is shown here, and what cannot be shown says why."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from parallel import AsyncResult, Client

pytest.importorskip("IPython")
pytestmark = pytest.mark.slow

FAILS = """
class Fails:
    def {method}(self, *args, **kwargs):
        raise ValueError("cannot be shown")
"""
PNG = "image/png"


def run(rc: Client, code: str) -> AsyncResult:
    """Return the result of a cell on one engine, once it has come."""
    ar = rc[0].execute(code, silent=False)
    ar.get(60)
    return ar


def plain(ar: AsyncResult) -> list[str]:
    """Return the texts of what a task displayed."""
    return [output["data"]["text/plain"] for output in ar.outputs]


def kinds(outputs: list[dict[str, Any]]) -> list[bool]:
    """Return which of these displays are figures."""
    return [PNG in output["data"] for output in outputs]


@pytest.mark.parametrize("shown", ["Fails()", "display(Fails())", "print(Fails())"])
def test_an_object_whose_repr_raises_says_so(cluster: Client, shown: str) -> None:
    cluster[0].execute(FAILS.format(method="__repr__")).get(60)
    ar = cluster[0].execute(f"print('before')\n{shown}", silent=False)
    ar.wait(60)
    assert ar.stdout == "before\n"
    if ar.successful():
        assert "in __repr__" in ar.stderr
        assert ar.stderr.endswith("ValueError: cannot be shown\n")
        assert "IPython/core" not in ar.stderr
    else:  # print raises it, as anywhere
        with pytest.raises(ValueError, match="cannot be shown"):
            ar.get()
    assert plain(run(cluster, "display('on')")) == ["'on'"]


@pytest.mark.parametrize("method", ["_repr_html_", "_repr_mimebundle_"])
def test_of_an_object_whose_rich_repr_raises_the_text_is_shown(
    cluster: Client, method: str
) -> None:
    cluster[0].execute(FAILS.format(method=method)).get(60)
    ar = run(cluster, "Fails()")
    assert ar.execute_result["data"]["text/plain"].startswith("<__main__.Fails")
    assert ar.stderr.endswith("ValueError: cannot be shown\n")


def test_errors_that_end_no_cell_are_told(cluster: Client, tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text("def divide():\n    1 / 0\n\n\ndivide()\n")
    ar = run(cluster, f"%run {script}\nprint('on')")
    assert ar.stdout == "on\n"
    assert ar.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_handle_updates_what_it_displayed(cluster: Client) -> None:
    ar = run(cluster, "h = display('one', display_id=True)\nh.update('two')")
    (shown,) = ar.outputs
    assert plain(ar) == ["'two'"]
    assert "update" not in shown
    later = run(cluster, "h.update('three')")
    (update,) = later.outputs
    assert update["update"]
    assert update["transient"] == shown["transient"]


def test_what_is_printed_and_displayed_in_turns_comes_in_turns(
    cluster: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    ar = cluster[0].execute(
        "for i in range(3):\n    print(f'text {i}')\n    display(f'display {i}')",
        silent=False,
    )
    with ar.stream_output():
        ar.get(60)
    told = re.findall(r"(?:text|display) \d", capsys.readouterr().out)
    assert told == [f"{what} {i}" for i in range(3) for what in ("text", "display")]


def texts(ar: Any) -> list[str]:
    return [output["data"]["text/plain"] for output in ar.outputs]


def test_a_widget_is_shown_as_text_that_changes_with_it(cluster: Client) -> None:
    pytest.importorskip("ipywidgets")
    ar = run(
        cluster,
        "import ipywidgets\nslider = ipywidgets.IntSlider(value=3)\n"
        "display(slider)\ndisplay(slider)\nslider.value = 5\nslider",
    )
    assert [list(output["data"]) for output in ar.outputs] == [["text/plain"]] * 2
    assert texts(ar) == ["IntSlider(value=5)"] * 2
    assert ar.execute_result["data"] == {"text/plain": "IntSlider(value=5)"}
    later = run(cluster, "slider.value = 7")
    assert texts(later) == ["IntSlider(value=7)"] * 2
    assert [output["update"] for output in later.outputs] == [True] * 2
    assert run(cluster, "slider.close()\ndisplay(1)").outputs[0]["data"] == {
        "text/plain": "1"
    }


def test_a_bar_made_of_widgets_is_shown_as_it_ends(cluster: Client) -> None:
    pytest.importorskip("ipywidgets")
    (bar,) = texts(
        run(
            cluster,
            "from tqdm.notebook import tqdm\n"
            "bar = tqdm(range(30), desc='mine')\nfor i in bar: pass",
        )
    )
    assert bar.startswith("mine: 100%")
    assert "30/30" in bar
    other = "import ipywidgets\nother = ipywidgets.IntSlider()\nother.value = 1"
    assert not run(cluster, other).outputs


def test_what_a_widget_for_output_shows_is_shown_where_no_widgets_are_drawn(
    cluster: Client,
) -> None:
    pytest.importorskip("ipywidgets")
    ar = run(
        cluster,
        "import ipywidgets\nout = ipywidgets.Output()\n"
        "with out:\n    print('in it')\n    display('this')",
    )
    assert ar.stdout == "in it\n"
    assert texts(ar) == ["'this'"]
    cleared = run(cluster, "with out:\n    display(1)\n    out.clear_output()")
    assert cleared.outputs == []


def test_what_is_not_utf8_is_told_as_far_as_it_is(cluster: Client) -> None:
    ar = run(cluster, "import os\nos.write(1, b'a \\xff\\xfe z\\n')\nprint('\\ud800')")
    assert ar.stdout == "a \ufffd\ufffd z\n\\ud800\n"


def test_a_flood_of_displays_and_text_does_not_harm_the_session(
    cluster: Client,
) -> None:
    ar = cluster[:].execute(
        "for i in range(2000):\n    print('x' * 10_000)\n    display(i)", silent=False
    )
    ar.get(100)
    for stdout, outputs in zip(ar.stdout, ar.outputs, strict=True):
        assert "characters of output cut here" in stdout or stdout.count("\n") == 2000
        assert stdout.endswith("x\n")
        assert len(outputs) == 2000
    assert cluster[:].apply_sync(abs, -1) == [1] * 4


def draw() -> int:
    from matplotlib import pyplot

    pyplot.plot([1, 2])
    return os.getpid()


def test_figures_need_no_window(rc: Client) -> None:
    pytest.importorskip("matplotlib")
    code = "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.get_backend()"
    ar = rc[0].execute(code, silent=False)
    assert ar.get(60).data["text/plain"].strip("'").lower() == "agg"
    assert ar.outputs == []


def test_figures_come_back_from_each_engine(cluster: Client) -> None:
    pytest.importorskip("matplotlib")
    cluster[:].execute("%matplotlib inline").get(60)
    cluster[:].execute("import matplotlib.pyplot as plt").get(60)
    for code in ("plt.plot([1, 2]);", "plt.plot([1])\nplt.show()\nplt.plot([2]);"):
        ar = cluster[:].execute(code, silent=False)
        ar.get(60)
        assert [kinds(each) for each in ar.outputs] == [
            [True] * code.count("plot(")
        ] * 4
    ar = cluster[:].execute("plt.plot([1, 2])")  # silent
    ar.get(60)
    assert [kinds(each) for each in ar.outputs] == [[True]] * 4
    ar = cluster[:].apply_async(draw)
    ar.get(60)
    assert [kinds(each) for each in ar.outputs] == [[True]] * 4


def test_a_figure_of_what_fails_comes_back(cluster: Client) -> None:
    pytest.importorskip("matplotlib")
    cluster[0].execute("%matplotlib inline").get(60)
    code = "import matplotlib.pyplot as plt\nplt.plot([1])\nraise ValueError('after')"
    ar = cluster[0].execute(code, silent=False)
    with pytest.raises(ValueError, match="after"):
        ar.get(60)
    assert kinds(ar.outputs) == [True]


def test_event_loops_of_windows_are_refused(cluster: Client) -> None:
    ar = run(cluster, "%gui tk")
    assert "an engine runs no event loop for 'tk'" in ar.stderr


def test_apply_and_plain_text_do_without_ipython(rc: Client) -> None:
    rc[:].execute("a = 1", block=True)
    rc[:].apply_sync(print, "text")
    rc[:].push({"b": 2}, block=True)
    assert rc[:].apply_sync(lambda: "IPython" in sys.modules) == [False] * 2
    rc[0].execute("a", silent=False, block=True)
    assert rc[:].apply_sync(lambda: "IPython" in sys.modules) == [True, False]
