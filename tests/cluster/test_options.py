"""What a cluster can be told, and what is said of what it cannot."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError
from traitlets.config import Config

from parallel import Cluster
from parallel.cluster.classic import INSTEAD, controller_options
from parallel.cluster.launchers.program import CONTROLLER, ENGINES
from parallel.cluster.launchers.registry import find_launcher
from parallel.cluster.options import ClusterOptions
from parallel.cluster.resources import Resources
from parallel.errors import LauncherError

GPU = {"gpu": 1.0}


def of_command_line(*words: str) -> Any:
    return Resources().from_string_list(list(words))


@pytest.mark.parametrize("given", [GPU, [GPU]])
def test_amounts_for_each_engine_may_be_given_once(given: Any) -> None:
    assert Cluster(resources=given).resources == [GPU]


def test_a_command_line_says_amounts_by_name_or_as_in_python() -> None:
    assert of_command_line("gpu=1", "memory=2.5") == {"gpu": 1.0, "memory": 2.5}
    assert of_command_line("{'gpu': 1}") == {"gpu": 1}
    assert of_command_line(' [{"gpu": 1}, {}]') == [{"gpu": 1}, {}]


@pytest.mark.parametrize("given", ["gpu", [], ["gpu"], {"gpu": "many"}, 1])
def test_what_is_no_amounts_is_told_what_would_be(given: Any) -> None:
    with pytest.raises(TraitError, match=r"expected amounts such as \{'gpu': 1\}"):
        Cluster(resources=given)


def test_arguments_of_ipcontroller_set_the_options_of_the_cluster() -> None:
    words = ["--nodb", "--scheme=lru", "--hwm", "3", "--IPController.port=4000"]
    cluster = Cluster(controller_args=words)
    assert cluster.controller_args == words
    assert cluster.task_record == "none"
    assert cluster.scheme == "lru"
    assert cluster.hwm == 3
    assert (cluster.port, cluster.transport) == (4000, "tcp")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reuse"], r"'--reuse' is not what .* --sqlitedb, .* --hwm"),
        (["--nodb=3"], "'--nodb=3' is not what"),
        (["nodb"], "'nodb' is not what"),
        (["--TaskScheduler.hwm"], "--hwm needs a value"),
        (["--hwm"], "--hwm needs a value"),
        (["--hwm=many"], "in --hwm=many: "),
        (["--scheme=best"], "best"),
    ],
)
def test_other_arguments_of_ipcontroller_are_refused(
    words: list[str], said: str
) -> None:
    with pytest.raises(TraitError, match=said):
        Cluster(controller_args=words)


def test_arguments_that_are_of_no_effect_are_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = ["--ping=250", "--log-level", "10", "--HeartMonitor.period", "100"]
    words += ["--TaskScheduler.hwm=3", "--debug", "--nodb"]
    with caplog.at_level("INFO", logger="parallel.cluster"):
        cluster = Cluster(controller_args=words)
    assert (cluster.hwm, cluster.task_record) == (3, "none")
    assert "--HeartMonitor.period is of no effect: engine_patience" in caplog.text


def test_nothing_is_set_by_no_arguments() -> None:
    assert controller_options([], ["hwm"]) == {}


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_an_option_of_ipyparallel_is_told_what_to_use_instead(name: str) -> None:
    assert name not in ClusterOptions.class_trait_names()
    with pytest.raises(TypeError, match=f"no option '{name}': ") as raised:
        Cluster(**{name: "x"})
    assert INSTEAD[name] in str(raised.value)


def test_a_cluster_that_was_not_made_can_be_shown() -> None:
    assert "stopped" in repr(Cluster.__new__(Cluster))


def test_who_leaves_out_the_name_of_an_option_is_told_it() -> None:
    with pytest.raises(TypeError, match=r"^Cluster takes .*: Cluster\(n=4\)$"):
        Cluster(4)
    with pytest.raises(TypeError, match=r": Cluster\(n=…\)$"):
        Cluster("slurm", n=4)


@pytest.mark.parametrize("short", ["engines", "controller"])
def test_a_launcher_is_said_in_one_way_only(short: str) -> None:
    long = {"engines": "engine_launcher_class"}.get(short, "controller_launcher_class")
    assert getattr(Cluster(**{short: "Slurm"}), long) == "Slurm"
    assert getattr(Cluster(**{long: "Slurm"}), long) == "Slurm"
    with pytest.raises(TypeError, match=f"{short} and {long} are the same option"):
        Cluster(**{short: "slurm", long: "slurm"})
    with pytest.raises(TraitError, match="by its name, such as 'slurm'"):
        Cluster(**{short: 3})


def test_a_controller_listens_for_other_hosts_if_there_are_any() -> None:
    assert Cluster().transport == "ipc"
    assert Cluster(engines="slurm").transport == "tcp"
    assert Cluster(controller="ssh").transport == "tcp"
    assert Cluster(controller_ip="192.0.2.1").ip == "192.0.2.1"


def test_what_is_said_of_one_launcher_wins_over_what_is_said_of_the_cluster() -> None:
    config = Config(
        Cluster={"queue": "main", "cores": 2},
        SlurmControllerLauncher={"queue": "login"},
    )
    cluster = Cluster(engines="slurm", config=config, environment={"OMP": 1})
    controller = find_launcher("slurm", CONTROLLER)
    engines = find_launcher("slurm", ENGINES)
    told = cluster.common_options(engines, given=set(), for_engines=True)
    assert told == {"queue": "main", "cores": 2, "environment": {"OMP": "1"}}
    told = cluster.common_options(controller, given=set(), for_engines=False)
    assert told == {"environment": {"OMP": "1"}}
    told = cluster.common_options(controller, given={"queue"}, for_engines=False)
    assert told["queue"] == "main"


def test_engines_of_this_host_are_in_no_queue() -> None:
    with pytest.raises(LauncherError, match="'local' has no use for queue, nodes"):
        Cluster(queue="main", nodes=2).start_cluster_sync(1)


def test_its_file_says_which_cluster_it_is(tmp_path: Path) -> None:
    file = tmp_path / "profile_x" / "security" / "cluster-mine.json"
    cluster = Cluster(cluster_file=file)
    assert cluster.cluster_id == "mine"
    assert cluster.profile_dir == str(tmp_path / "profile_x")
    assert cluster.cluster_file == str(file)
    assert Cluster(cluster_file=str(file), cluster_id="mine").cluster_id == "mine"
    with pytest.raises(TypeError, match="cluster_file and cluster_id contradict"):
        Cluster(cluster_file=file, cluster_id="other")
    for wrong in ("", tmp_path / "cluster-mine.json", tmp_path / "security" / "x.json"):
        with pytest.raises(TraitError, match="give profile_dir and cluster_id"):
            Cluster(cluster_file=wrong)


def test_a_log_level_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    log = logging.getLogger("parallel")
    monkeypatch.setattr(log, "level", log.level)
    for level in (logging.INFO, "debug"):
        assert Cluster(log_level=level).log_level == log.level
    assert log.level == logging.DEBUG
    with pytest.raises(TraitError, match="there is no log level 'loud'"):
        Cluster(log_level="loud")


@pytest.mark.parametrize("option", ["batch_template", "qos"])
def test_an_option_of_the_launcher_is_told_to_be_one(option: str) -> None:
    said = rf"start_engines_sync\({option}=…\), or c.SlurmEngineSetLauncher.{option} in"
    with pytest.raises(TypeError, match=said):
        Cluster(engines="slurm", **{option: "x"})
