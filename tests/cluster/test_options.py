"""What a cluster can be told, and what is said of what it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from traitlets import TraitError

from parallel import Cluster
from parallel.cluster.classic import INSTEAD, controller_options
from parallel.cluster.options import ClusterOptions
from parallel.cluster.resources import Resources

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
        (["--TaskScheduler.hwm=3"], "is not what"),
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
