"""What is shown here is shown whatever other threads import meanwhile."""

from __future__ import annotations

import sys
import types

import pytest

from parallel.client import screen
from parallel.client.screen import content_of, publish, put


@pytest.mark.parametrize("name", ["tqdm", "IPython"])
def test_another_thread_may_be_about_to_import_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    put("written\n", "stdout")
    publish({"data": {"text/plain": "displayed"}}, 0)
    assert capsys.readouterr().out == "written\ndisplayed\n"


@pytest.mark.parametrize("is_qt_console", [True, False])
def test_an_update_is_shown_anew_where_displays_do_not_change(
    is_qt_console: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "in_qt_console", lambda: is_qt_console)
    data = {"text/plain": "second"}
    update = {"data": data, "transient": {"display_id": "it"}, "update": True}
    content = content_of(update, 3)
    assert content.pop("metadata") == {"engine": 3}
    assert content.pop("data") == data
    changes = {"update": True, "transient": {"display_id": "it@3"}}
    assert content == ({} if is_qt_console else changes)


def test_a_bar_is_drawn_beneath_a_begun_line_where_that_cannot_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(screen, "in_qt_console", lambda: True)
    put("begun", "stdout")
    screen.make_room()
    put("ended\n", "stdout")
    assert capsys.readouterr() == ("begunended\n", "\n"), "each on its stream"
