"""What pandas makes goes to engines and comes back, and is taken by its places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from parallel import Client, Cluster, DirectView
from parallel.client.views.balanced import LoadBalancedView

#: Labels that say other places than those where the elements are.
TURNED = pd.Series([10, 20, 30, 40, 50], index=[4, 3, 2, 1, 0])
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}, index=[0.5, 1.5, 2.5])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start two engines that the tests of this module share."""
    with Cluster(n=2) as client:
        yield client


@pytest.fixture(params=["direct", "balanced"])
def view(request: pytest.FixtureRequest, cluster: Client) -> Any:
    """Return a view of all engines, of each kind."""
    return cluster[:] if request.param == "direct" else cluster.load_balanced_view()


# What comes back as it was

SERIES = {
    "categorical": pd.Categorical(["a", "b", None], ["b", "a"], ordered=True),
    "Int64": pd.array([1, None, 3], dtype="Int64"),
    "Float64": pd.array([1.5, None], dtype="Float64"),
    "boolean": pd.array([True, None], dtype="boolean"),
    "string": pd.array(["x", None], dtype="string"),
    "with a zone": pd.date_range("2026-11-21", periods=3, tz="Europe/Berlin"),
    "period": pd.period_range("2026-01", periods=3, freq="M"),
    "interval": pd.interval_range(0, 3),
    "timedelta": pd.to_timedelta([1, 2], unit="s"),
    "sparse": pd.array([0, 0, 1], dtype="Sparse[int64]"),
    "objects": np.array([[1], {"a": 2}, None], dtype=object),
}


@pytest.mark.parametrize("name", SERIES)
def test_a_series_of_each_kind_comes_back(cluster: Client, name: str) -> None:
    sent = pd.Series(SERIES[name], name=name)
    labels = pd.MultiIndex.from_product([[name], range(len(sent))], names=["n", "i"])
    for each in (sent, sent.set_axis(labels)):
        back = cluster[0].apply_sync(lambda series: series, each)
        pd.testing.assert_series_equal(back, each)
        pd.testing.assert_frame_equal(
            cluster[0].apply_sync(lambda series: series.to_frame(), each),
            each.to_frame(),
        )


def test_missing_is_the_very_same_there(cluster: Client) -> None:
    for missing in (pd.NA, pd.NaT):
        assert cluster[0].apply_sync(lambda x: x, missing) is missing


def test_a_large_frame_can_be_changed_there_and_when_it_is_back(
    cluster: Client,
) -> None:
    def change(frame: Any) -> Any:
        frame.loc[0, "a"] = 7.0
        frame["sum"] = frame.sum(axis=1)
        return frame

    sent = pd.DataFrame(np.ones((100_000, 3)), columns=list("abc"))
    back = cluster[0].apply_sync(change, sent)
    back.loc[1, "a"] = 8.0
    assert back.iloc[:3].to_numpy().tolist() == [
        [7, 1, 1, 9], [8, 1, 1, 3], [1, 1, 1, 3],
    ]  # fmt: skip
    assert sent.iloc[0].tolist() == [1, 1, 1]


# What is split


@pytest.mark.parametrize("index", [[4, 3, 2, 1, 0], list("vwxyz"), [1.5] * 5])
@pytest.mark.parametrize("chunksize", [None, 1, 2])
def test_a_map_takes_the_values_of_a_series(
    cluster: Client, index: list[Any], chunksize: int | None
) -> None:
    series = TURNED.set_axis(index)
    lview = cluster.load_balanced_view()
    found = lview.map_sync(lambda x: x + 1, series, chunksize=chunksize)
    assert found == cluster[:].map_sync(lambda x: x + 1, series) == [11, 21, 31, 41, 51]


def test_a_map_takes_of_a_frame_what_the_builtin_one_takes(
    view: DirectView | LoadBalancedView,
) -> None:
    assert view.map_sync(str, FRAME) == list(map(str, FRAME)) == ["a", "b"]


def test_a_parallel_function_gets_rows(view: DirectView | LoadBalancedView) -> None:
    @view.parallel(block=True)
    def sums(part: Any) -> list[int]:
        return [int(part["a"].sum())]

    assert sums(FRAME) == [3, 3]


def test_rows_are_scattered(cluster: Client) -> None:
    cluster[:].scatter("rows", FRAME, block=True)
    first, second = cluster[:]["rows"]
    pd.testing.assert_frame_equal(pd.concat([first, second]), FRAME)
    assert len(first) == 2


def test_one_value_of_a_series_is_scattered_flat(cluster: Client) -> None:
    cluster[:].scatter("rank", TURNED[:2], flatten=True, block=True)
    assert cluster[:]["rank"] == [10, 20]
