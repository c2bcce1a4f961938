"""What Tab offers in a real kernel, of the names that live on engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interactive.notebook import Notebook
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

#: A task that lasts until there is a file.
WAITS = (
    "def wait_for(path):\n"
    "    import pathlib, time\n"
    "    while not pathlib.Path(path).exists():\n"
    "        time.sleep(0.01)\n"
)


def is_offered(notebook: Notebook, typed: str, offered: list[str]) -> None:
    """See that Tab offers this; on a busy machine not the first time: nobody waits."""
    wait_until(lambda: notebook.complete(typed) == offered, what=f"{offered}")


@pytest.fixture(scope="module")
def names(notebook: Notebook) -> Notebook:
    """Have names on both engines, and one on the second alone."""
    notebook.run(
        "dview = rc[:]\n"
        "second = rc[1]\n"
        "dview.push({'apple': 1, 'avocado': 2, '_hidden': 3}, block=True)\n"
        "second['pear'] = 4"
    )
    return notebook


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dview['", ["apple", "avocado", "pear"]),
        ('dview["a', ["apple", "avocado"]),
        ("dview[", ["'apple'", "'avocado'", "'pear'"]),
        ("second['p", ["pear"]),
        ("rc[", ["0", "1"]),
        ("rc[1]['p", ["pear"]),
        ("rc[:]['a", ["apple", "avocado"]),
        ("total = sum(dview['a¦ + [1]", ["apple", "avocado"]),
        ("first = 1\ntotal = sum(dview['p¦\nlast = 2", ["pear"]),
    ],
)
def test_names_on_engines_are_offered(
    names: Notebook, typed: str, offered: list[str]
) -> None:
    is_offered(names, typed, offered)


def test_who_works_is_not_waited_for(names: Notebook, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    names.run(f"{WAITS}gate = {str(gate)!r}\nbusy = second.apply_async(wait_for, gate)")
    try:
        is_offered(names, "dview['", ["apple", "avocado"])
        names.run("all_busy = dview.apply_async(wait_for, gate)")
        assert "apple" not in names.complete("dview['a")
        assert names.run("busy.ready(), all_busy.ready()") == "(False, False)\n"
    finally:
        gate.touch()
        names.run("busy.get(); all_busy.get()")
    is_offered(names, "dview['", ["apple", "avocado", "pear"])


@pytest.mark.parametrize("left", ["stop_engines_sync", "stop_cluster_sync"])
def test_where_no_engine_is_left_there_is_nothing(names: Notebook, left: str) -> None:
    names.run(
        "other = parallel.Cluster(n=1).start_and_connect_sync()\n"
        "view = other[:]\nview['mango'] = 1"
    )
    try:
        is_offered(names, "view['m", ["mango"])
    finally:
        names.run(f"other.cluster.{left}()")
    assert "mango" not in names.complete("view['m")
    assert "0" not in names.complete("other[")
    assert "Error" not in names.run("other.cluster.stop_cluster_sync(); other.close()")
    assert "mango" not in names.complete("view['m")
