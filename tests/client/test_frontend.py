"""What shows a session is told by its kernel, and by who has started that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from parallel.client import frontend
from parallel.client.frontend import can_update, in_notebook


@pytest.mark.parametrize(
    ("module", "parent", "is_notebook", "can"),
    [
        ("ipykernel.ipkernel", "python\0-m\0jupyterlab", True, True),
        ("ipykernel.ipkernel", "", True, True),
        ("ipykernel.ipkernel", "python\0/usr/bin/jupyter-console", False, False),
        ("ipykernel.ipkernel", "python\0/usr/bin/jupyter-qtconsole", True, False),
        ("spyder_kernels.console.kernel", "", True, False),
        (None, "", False, False),
    ],
)
def test_who_shows_a_display_changes_it_or_not(
    module: str | None, parent: str, is_notebook: bool, can: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kernel = module and type("Kernel", (), {"__module__": module})()
    shell = SimpleNamespace(kernel=kernel or None)
    monkeypatch.setattr(frontend, "ipython", lambda: shell)
    monkeypatch.setattr(frontend, "_command_of", lambda _: parent.encode())
    assert (in_notebook(), can_update()) == (is_notebook, can)
