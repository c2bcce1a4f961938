"""What is shown here is shown whatever other threads import meanwhile."""

from __future__ import annotations

import sys
import types

import pytest

from parallel.client.screen import publish, put


@pytest.mark.parametrize("name", ["tqdm", "IPython"])
def test_another_thread_may_be_about_to_import_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    put("written\n", "stdout")
    publish({"data": {"text/plain": "displayed"}}, 0)
    assert capsys.readouterr().out == "written\ndisplayed\n"
