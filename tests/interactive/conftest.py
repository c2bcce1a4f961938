"""A session in IPython, without a terminal, and its cluster."""

from __future__ import annotations

import contextlib
import io
import types
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from parallel import Client, Cluster
from tests.interactive.notebook import Notebook
from tests.interactive.terminal import Terminal


class Session:
    """What a user types, and what they see."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, cell: str) -> str:
        """Run a cell as the user does; return all that is shown."""
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            self.shell.run_cell(cell, store_history=True)
        return shown.getvalue()

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]


@contextlib.contextmanager
def in_ipython() -> Iterator[InteractiveShell]:
    """Start IPython in this process, without colours and history."""
    config = Config()
    config.InteractiveShell.colors = "nocolor"
    config.HistoryManager.enabled = False
    module = types.ModuleType("session")  # and not the tests' own __main__
    made = InteractiveShell.instance(config=config, user_module=module)
    yield made
    InteractiveShell.clear_instance()


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    """Have IPython run in this process."""
    with in_ipython() as made:
        yield made


@pytest.fixture(scope="module")
def cluster(shell: InteractiveShell) -> Iterator[Client]:
    """Start two engines in the session; give their client."""
    with Cluster(n=2) as rc:
        shell.push({"rc": rc})
        yield rc


@pytest.fixture
def session(shell: InteractiveShell, cluster: Client) -> Session:
    """Give a session whose magics work on all engines, as they do at first."""
    cluster.activate()
    return Session(shell)


@pytest.fixture(scope="module")
def ipython(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Start IPython in a terminal, with two engines."""
    made = Terminal(tmp_path_factory.mktemp("terminal"))
    yield made
    made.close()


@pytest.fixture
def terminal(ipython: Terminal) -> Terminal:
    """Return it as somebody finds it who has it for themselves."""
    ipython.catch_up()
    return ipython


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """Start a kernel with two engines."""
    made = Notebook(tmp_path_factory.mktemp("notebook"))
    begun = "import parallel\nrc = parallel.Cluster(n=2).start_and_connect_sync()"
    assert "Error" not in made.run(begun)
    made.run("%pxconfig --progress-after -1")  # no bar, however busy the machine is
    yield made
    made.run("rc.cluster.stop_cluster_sync()")
    made.close()
