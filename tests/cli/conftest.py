"""Commands in this process, up to where they would begin to do something."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from parallel.cli.app import BaseApp
from parallel.cli.cluster import IPCluster
from parallel.cli.controller import IPController
from parallel.cli.engine import IPEngine

#: What a command line comes to: the exit status, stdout and stderr.
Said: TypeAlias = tuple[int, str, str]
Command: TypeAlias = Callable[[str], Said]

APPS: dict[str, type[BaseApp]] = {
    "ipcluster": IPCluster,
    "ipcontroller": IPController,
    "ipengine": IPEngine,
}


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Return a function that takes a command line, and tells what it comes to.

    The line has to be one that ends before anything is started.
    """
    log = logging.getLogger("parallel")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate

    def forget() -> None:
        if BaseApp.initialized():
            type(BaseApp.instance()).clear_instance()

    def run(line: str) -> Said:
        name, *words = line.split()
        with pytest.raises(SystemExit) as end:
            APPS[name].main(words)
        forget()
        out, err = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    yield run
    forget()
    log.handlers, log.level, log.propagate = handlers, level, propagate
