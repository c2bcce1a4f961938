"""Bars are shown where somebody sees them, and stay silent elsewhere."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from parallel.client import progress
from parallel.client.progress import is_wanted, new_bar, watch_progress
from parallel.client.waits import Waits


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Let the error stream be a terminal."""
    assert capsys  # it has put its own stream there, whose class this is
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    monkeypatch.delenv("IPP_NONINTERACTIVE", raising=False)


@pytest.fixture
def ipython(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be IPython."""
    fake = SimpleNamespace(get_ipython=object)
    monkeypatch.setitem(sys.modules, "IPython", fake)


def test_asked_for_or_not() -> None:
    assert is_wanted(True, waits=False)
    assert not is_wanted(False, waits=True)
    assert not is_wanted(None, waits=True)


@pytest.mark.usefixtures("terminal", "ipython")
def test_unasked_in_ipython(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_wanted(None, waits=True)
    assert not is_wanted(None, waits=False)
    monkeypatch.setenv("IPP_NONINTERACTIVE", "1")
    assert not is_wanted(None, waits=True)


def test_one_of_text_where_no_widget_moves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("IPP_NONINTERACTIVE", raising=False)
    monkeypatch.setattr(progress, "in_qt_console", lambda: True)
    bar = new_bar(3, "work")
    bar.update(3)
    bar.close()
    assert "work: 100%" in capsys.readouterr().err


@pytest.mark.usefixtures("ipython")
def test_not_without_a_terminal() -> None:
    assert not is_wanted(None, waits=True)


def test_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bar = new_bar(3, "work")
    bar.update(2)
    bar.close()
    assert bar.n == 2
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("widget", [None, True])
def test_a_bar_of_text(capsys: pytest.CaptureFixture[str], widget: Any) -> None:
    monkey = pytest.MonkeyPatch()
    monkey.setitem(sys.modules, "ipywidgets", None)  # it is not installed
    bar = new_bar(3, "work", widget=widget)
    bar.update(3)
    bar.close()
    monkey.undo()
    told = capsys.readouterr().err
    assert "work: 100%" in told
    assert "3/3" in told


@pytest.mark.parametrize("installed", [True, False])
def test_a_bar_of_a_notebook(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    notebook = pytest.importorskip("tqdm.notebook")
    widgets = ModuleType("ipywidgets") if installed else None
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    made: list[Any] = []

    def begin(bar: Any, **_: Any) -> None:
        bar.start_t = bar.last_print_t = 0.0
        made.append(type(bar))

    for kind in (notebook.tqdm, notebook.std_tqdm):
        monkeypatch.setattr(kind, "__init__", begin)
        monkeypatch.setattr(kind, "__del__", lambda _: None)
    new_bar(3, "work", widget=True)
    assert issubclass(made[0], notebook.tqdm) == installed


@pytest.mark.usefixtures("terminal")
def test_a_bar_that_comes_late_knows_since_when(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = new_bar(3, "work", elapsed=60)
    bar.update(1)
    bar.close()
    told = capsys.readouterr().err.split("\r")[-1]
    assert "1/3 [01:00<02:00, 60.0" in told


@pytest.mark.usefixtures("terminal")
def test_what_is_quick_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    bar = new_bar(3, "work", delay=60)
    bar.update(3)
    bar.close()
    assert capsys.readouterr().err == ""


def test_waiting_in_steps() -> None:
    steps: list[float] = []

    def wait(seconds: float) -> bool:
        steps.append(seconds)
        return len(steps) == 3

    bar = new_bar(3, "work")
    waits = Waits(lambda done, follow, deadline: done())
    assert watch_progress(waits, bar, lambda: len(steps), wait, 0.1, None)
    assert steps == [0.1] * 3
    assert bar.n == 3
    assert not watch_progress(waits, bar, lambda: 3, lambda _: False, 0.1, 0)
