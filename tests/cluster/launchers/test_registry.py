"""Launchers by their names, by paths, as classes, and those of other packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from parallel.cluster.launchers.launcher import Launcher
from parallel.cluster.launchers.local import LocalLauncher
from parallel.cluster.launchers.program import CONTROLLER, ENGINES
from parallel.cluster.launchers.registry import class_named, find_launcher, name_of
from parallel.cluster.launchers.roles import ControllerLauncher, EngineLauncher
from parallel.errors import LauncherError
from tests.cluster.launchers.conftest import Script


class HouseLauncher(LocalLauncher):
    """As the house does it."""


def test_a_name_is_found_in_any_case() -> None:
    found = find_launcher("Local", ENGINES)
    assert found is find_launcher("local", ENGINES)
    assert found.__name__ == "LocalEngineSetLauncher"
    assert issubclass(found, EngineLauncher)
    assert issubclass(found, LocalLauncher)
    assert issubclass(find_launcher("local", CONTROLLER), ControllerLauncher)


def test_a_class_and_its_path_are_as_good_as_a_name() -> None:
    assert find_launcher(HouseLauncher, ENGINES) is HouseLauncher
    path = "parallel.cluster.launchers.local.LocalLauncher"
    assert find_launcher(path, ENGINES) is LocalLauncher


def test_another_package_tells_of_its_own_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "house-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: house\nVersion: 1\n")
    point = "parallel.cluster.launchers.local:LocalLauncher"
    groups = "[parallel.engine_launchers]\nHouse = " + point
    (folder / "entry_points.txt").write_text(groups)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_launcher("house", ENGINES) is LocalLauncher
    with pytest.raises(LauncherError, match="no launcher 'house' for controller"):
        find_launcher("house", CONTROLLER)
    with pytest.raises(LauncherError, match=r"there are local, .*, House, and any"):
        find_launcher("horse", ENGINES)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("slrum", r"no launcher 'slrum' for engines; there are local, mpi, .*slurm"),
        ("nowhere.Launcher", "ModuleNotFoundError: No module named 'nowhere'"),
        ("os.Launcher", "AttributeError: .*no attribute 'Launcher'"),
        ("os.path.join", "is no launcher: it has to be a class derived"),
        (int, "is no launcher"),
    ],
)
def test_what_is_no_launcher_is_told_what_there_is(
    chosen: str | type[Launcher], said: str
) -> None:
    with pytest.raises(LauncherError, match=said):
        find_launcher(chosen, ENGINES)


def test_a_launcher_says_by_which_name_it_is_found(script: Script) -> None:
    own = find_launcher("local", ENGINES)(script)
    assert name_of(own) == "local"
    other = name_of(HouseLauncher(script))
    assert other.endswith("test_registry.HouseLauncher")


def test_users_find_the_classes_by_the_names_that_they_know() -> None:
    assert class_named("LocalEngineSetLauncher") is find_launcher("local", ENGINES)
    assert class_named("LocalLauncher") is LocalLauncher
    with pytest.raises(AttributeError, match="no launcher 'WinHPCLauncher'"):
        class_named("WinHPCLauncher")


def test_arguments_for_the_command_may_be_added(script: Script) -> None:
    launcher = find_launcher("local", ENGINES)(script, engine_args=["--debug"])
    assert launcher.program.arguments == ["--debug"]
