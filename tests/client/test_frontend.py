"""What shows a session is told by its kernel, and by who has started that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from parallel.client import frontend
from parallel.client.frontend import in_notebook, in_qt_console


@pytest.mark.parametrize(
    ("module", "parent", "notebook", "qt"),
    [
        ("ipykernel.ipkernel", "python\0-m\0jupyterlab", True, False),
        ("ipykernel.ipkernel", "", True, False),
        ("ipykernel.ipkernel", "python\0/usr/bin/jupyter-console", False, False),
        ("ipykernel.ipkernel", "python\0/usr/bin/jupyter-qtconsole", False, True),
        ("spyder_kernels.console.kernel", "", False, True),
        (None, "", False, False),
    ],
)
def test_a_notebook_and_a_qt_console_are_told_apart(
    module: str | None, parent: str, notebook: bool, qt: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kernel = module and type("Kernel", (), {"__module__": module})()
    shell = SimpleNamespace(kernel=kernel or None)
    monkeypatch.setattr(frontend, "ipython", lambda: shell)
    monkeypatch.setattr(frontend, "_command_of", lambda _: parent.encode())
    assert (in_notebook(), in_qt_console()) == (notebook, qt)
