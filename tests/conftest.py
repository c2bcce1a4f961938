"""The fixtures that every test has, and the cluster that some share."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import hypothesis
import pytest
import zmq

from tests.leaks import MARK, sandbox

if TYPE_CHECKING:
    from parallel import Client

# Two noisy cores: how long an example takes says nothing about the code. A change is
# judged by the same examples each time; `--hypothesis-profile=search` looks for others.
hypothesis.settings.register_profile(
    "search",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "house", hypothesis.settings.get_profile("search"), derandomize=True
)
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Mark this run's processes, and start what libraries start once and for all."""
    mark = f"{os.getpid()}-{time.time_ns()}"
    if hasattr(config, "workerinput"):  # of several, which have nothing in common
        os.environ[MARK] = mark
    else:
        os.environ.setdefault(MARK, mark)
    # A shell without job control starts background jobs that ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # multiprocessing's process that removes segments, pyzmq's thread that frees
    # uncopied messages: each stays until the end of this process.
    resource_tracker.ensure_running()
    zmq.Frame(b"first", copy=False, copy_threshold=0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what is to run in one process, if there are several: `xdist_group`.

    Tests of a module share a cluster, and some folders what the host has but once.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            folder = item.path.parent.name
            name = folder if folder in {"mpi", "system"} else item.location[0]
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="module", autouse=True)
def module_leakcheck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail a module that leaves something behind once its fixtures are closed."""
    folder = tmp_path_factory.mktemp("m")
    with sandbox(folder, whose="the module, or a test that uses its cluster,"):
        yield
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def leakcheck(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Fail a test that leaves something behind; see `tests.leaks`.

    What a test does with a cluster that it shares with others may change what there
    is, such as an engine that died and came again: that is judged with the module.
    """
    if "cluster" in request.fixturenames:
        yield
        return
    folder = tmp_path_factory.mktemp("t")
    with sandbox(folder):
        yield
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start four engines that the tests of a module share; give its client.

    A module that needs another kind of cluster overrides this fixture under its name.
    """
    from parallel import Cluster

    with Cluster(n=4) as client:
        yield client
