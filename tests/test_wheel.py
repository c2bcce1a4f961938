"""What is built for users has all that they need, and nothing of a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from tests import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel; return the folder of what is in it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d"]
    subprocess.run([*build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("parallel-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture(scope="module")
def told(unpacked: Path) -> PathDistribution:
    """Return what the wheel says of itself."""
    (folder,) = unpacked.glob("*.dist-info")
    return PathDistribution(folder)


#: Where an engine has found the package.
ASK = """
from parallel import Client
with Client(profile="local", cluster_id="wheel") as rc:
    print(rc[0]["__import__('parallel').__file__"])
"""


def run(unpacked: Path, *words: str) -> str:
    """Run Python with the wheel where there is no checkout; return what it says."""
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        cwd=unpacked.parent,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout


def files(folder: Path) -> set[str]:
    """Return the paths of a folder's files, seen from there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    paths = {str(path.relative_to(folder)) for path in found}
    return {path for path in paths if "__pycache__" not in path}


def test_all_of_the_package_and_its_profiles_is_in_it(unpacked: Path) -> None:
    profiles = {f"profiles/{path}" for path in files(ROOT / "profiles")}
    assert profiles
    assert files(unpacked / "parallel") == files(ROOT / "parallel") | profiles
    tops = {path.name for path in unpacked.iterdir()}
    assert all(name == "parallel" or name.startswith("parallel-") for name in tops)


def test_jupyters_server_is_told_of_its_extension(unpacked: Path) -> None:
    (settings,) = unpacked.glob("*.data/data/etc/jupyter/jupyter_server_config.d/*")
    (ours,) = (ROOT / "jupyter" / "jupyter_server_config.d").iterdir()
    assert settings.read_text() == ours.read_text()


def test_its_commands_can_be_run(told: PathDistribution) -> None:
    commands = told.entry_points.select(group="console_scripts")
    assert {each.name for each in commands} == {"ipcluster", "ipcontroller", "ipengine"}
    assert all(callable(each.load()) for each in commands)


def test_a_profile_that_comes_with_it_starts_a_cluster(unpacked: Path) -> None:
    ipcluster = ("-m", "parallel.cluster")
    place = ("--profile=local", "--cluster-id=wheel")
    said = run(unpacked, *ipcluster, "start", "-n", "1", "--daemonize", *place)
    try:
        assert "1 engine is running" in said
        assert run(unpacked, "-c", ASK).startswith(str(unpacked))
    finally:
        run(unpacked, *ipcluster, "stop", "--profile=local", "wheel")


@pytest.mark.parametrize(
    ("extra", "needs"),
    [
        ("mpi", {"mpi4py", "mpich"}),
        ("jupyter", {"ipykernel", "ipywidgets", "jupyter-server"}),
    ],
)
def test_an_extra_brings_what_its_page_says(
    told: PathDistribution, extra: str, needs: set[str]
) -> None:
    mark = f"extra == '{extra}'"
    required = [each.partition(";") for each in told.requires or []]
    found = {name for name, _, marks in required if marks.strip() == mark}
    assert {name.partition(">")[0] for name in found} == needs
