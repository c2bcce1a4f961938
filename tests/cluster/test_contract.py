"""Each name that programs know of clusters and launchers is there, or is told of."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable

import pytest

from parallel import Cluster, ClusterManager
from parallel.cli.app import BaseApp
from parallel.cli.classic import INSTEAD
from parallel.cli.clean import IPClusterClean
from parallel.cli.controller import IPController
from parallel.cli.engine import IPEngine
from parallel.cli.engines import IPClusterEngines
from parallel.cli.listing import IPClusterList
from parallel.cli.start import IPClusterStart
from parallel.cli.stop import IPClusterStop
from parallel.cluster.launchers.batch import BatchLauncher
from parallel.cluster.translation import translated
from tests import ROOT

OPTIONS = (
    "n engine_launcher_class controller_launcher_class cluster_id profile profile_dir "
    "controller_args controller_ip controller_location delay engine_timeout "
    "send_engines_connection_env shutdown_atexit load_profile config parent log "
    "log_level"
)
#: Coroutines, each with a twin: the names of their parameters.
COROUTINES = {
    "start_controller": "launcher_options",
    "start_engines": "n engine_set_id launcher_options",
    "start_cluster": "n",
    "start_and_connect": "n activate",
    "stop_engines": "engine_set_id",
    "stop_controller": "",
    "stop_cluster": "",
    "restart_engines": "engine_set_id",
    "signal_engines": "signum engine_set_id",
    "connect_client": "options",
}
METHODS = {
    (Cluster, "to_dict"): "",
    (Cluster, "from_dict"): "described options",
    (Cluster, "from_file"): "cluster_file profile profile_dir cluster_id options",
    (Cluster, "write_cluster_file"): "",
    (Cluster, "remove_cluster_file"): "",
    (Cluster, "update_cluster_file"): "",
    (ClusterManager, "load_clusters"): "profile_dirs profile_dir profiles profile "
    "init_default_clusters",
    (ClusterManager, "new_cluster"): "options",
    (ClusterManager, "get_cluster"): "key",
    (ClusterManager, "remove_cluster"): "key",
}
OF_ALL = (
    "profile profile-dir ipython-dir config cluster-id work-dir log-level log-to-file "
    "clean-logs log-url debug quiet init show-config show-config-json "
)
COMMANDS: dict[type[BaseApp], str] = {
    IPClusterStart: "n engines controller delay ip location daemonize",
    IPClusterStop: "signal all",
    IPClusterEngines: "n engines daemonize",
    IPClusterList: "o",
    IPClusterClean: "force all",
    IPController: "ip transport port ports location ssh enginessh ping scheme hwm "
    "ident user keyfile dictdb sqlitedb mongodb nodb usethreads reuse restore secure "
    "no-secure",
    IPEngine: "file c s url ssh sshkey location timeout mpi",
}
KINDS = "Local MPI SSH PBS Slurm SGE LSF HTCondor Batch"
LAUNCHERS = {
    "BaseLauncher": "work_dir stop_timeout environment output_limit identifier "
    "profile_dir cluster_id state start_data stop_data start stop signal join on_stop "
    "poll get_output get_env to_dict from_dict args connection_files running",
    "LocalControllerLauncher": "controller_cmd controller_args connection_info_timeout "
    "get_connection_info",
    "LocalEngineLauncher": "engine_cmd engine_args n",
    "LocalEngineSetLauncher": "poll_seconds stop_seconds_until_kill delay",
    "MPIEngineSetLauncher": "mpi_cmd mpi_args",
    "SSHEngineSetLauncher": "engines ssh_cmd ssh_args scp_cmd scp_args hostname user "
    "location to_send to_fetch remote_profile_dir remote_python remote_output_file",
    "SSHProxyEngineSetLauncher": "ipcluster_cmd ipcluster_args hostname",
    "BatchEngineSetLauncher": "submit_command delete_command signal_command queue "
    "job_id_regexp job_id_regexp_group batch_template batch_template_file namespace "
    "batch_file_name output_file",
    "SlurmEngineSetLauncher": "account qos timelimit options",
}
VARIABLES = "IPP_CONNECTION_INFO IPP_SESSION_KEY IPP_ENABLE_CURVE IPP_CURVE_PUBLICKEY"
ELSEWHERE = "heartbeats HeartMonitor winhpc cluster_file signal_engines stop_controller"


def told() -> str:
    """Return what is said to those who know the names."""
    return (ROOT / "docs" / "coming-from-ipyparallel.md").read_text()


def parameters(function: object) -> list[str]:
    assert callable(function)
    return [name for name in inspect.signature(function).parameters if name != "self"]


def names(options: Iterable[str | tuple[str, ...]]) -> set[str]:
    return {x for each in options for x in ((each,) if isinstance(each, str) else each)}


@pytest.mark.parametrize("option", OPTIONS.split())
def test_a_cluster_has_the_option(option: str) -> None:
    assert option in Cluster.class_traits()


@pytest.mark.parametrize(("name", "expected"), COROUTINES.items())
def test_a_method_can_be_awaited_and_has_a_twin(name: str, expected: str) -> None:
    method, twin = getattr(Cluster, name), getattr(Cluster, f"{name}_sync")
    assert inspect.iscoroutinefunction(method)
    assert not inspect.iscoroutinefunction(twin)
    assert parameters(method) == parameters(twin) == expected.split()


@pytest.mark.parametrize(("where", "expected"), METHODS.items())
def test_a_method_has_its_parameters(where: tuple[type, str], expected: str) -> None:
    assert parameters(getattr(*where)) == expected.split()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: str(each.name))
def test_a_command_takes_each_option_or_says_what_to_do_instead(
    command: type[BaseApp],
) -> None:
    known = names([*command.aliases, *command.flags])
    wanted = set((OF_ALL + COMMANDS[command]).split())
    refused = {
        name
        for name in wanted - known
        if not translated(str(command.name), [f"--{name}"], known)[1]
    }
    assert refused <= set(INSTEAD)


@pytest.mark.parametrize("kind", KINDS.split())
@pytest.mark.parametrize(
    "role", ["Launcher", "ControllerLauncher", "EngineSetLauncher"]
)
def test_a_launcher_is_found_by_its_classic_name(kind: str, role: str) -> None:
    module = importlib.import_module("parallel.cluster.launcher")
    assert isinstance(getattr(module, f"{kind}{role}"), type)


@pytest.mark.parametrize("name", LAUNCHERS)
def test_what_a_launcher_lacks_is_told(name: str) -> None:
    launcher = getattr(importlib.import_module("parallel.cluster.launcher"), name)
    lacking = {each for each in LAUNCHERS[name].split() if not hasattr(launcher, each)}
    assert {each for each in lacking if f"`{each}`" not in told()} == set()


@pytest.mark.parametrize("word", f"{VARIABLES} {ELSEWHERE}".split())
def test_what_differs_is_told(word: str) -> None:
    assert word in told()


def test_a_launcher_with_coroutines_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match=r"Mine.start is a coroutine.*`def start`"):

        class Mine(BatchLauncher):
            async def start(self, n: int | None = None) -> None:  # type: ignore[override]
                """Start it."""
