"""A prompt completes what lives on the engines, and nobody waits for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, Cluster
from parallel.client import completion
from tests.integration.tasks import begin_and_wait_for
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """Start two engines, one of which has a name of its own."""
    with Cluster(n=2) as client:
        client[:].push({"apple": 1, "_hidden": 2}, block=True)
        client[1]["pear"] = 3
        yield client


def names(client: Client) -> set[str]:
    return set(client[:]._ipython_key_completions_())


def test_the_names_on_engines_are_told(cluster: Client) -> None:
    assert names(cluster) >= {"apple", "pear"}
    assert "pear" not in cluster[0]._ipython_key_completions_()
    assert not any(name.startswith("_") for name in names(cluster))


def test_a_session_knows_nothing_of_it(cluster: Client) -> None:
    view = cluster[:]
    before = len(cluster.history)
    assert "apple" in view._ipython_key_completions_()
    assert (len(cluster.history), len(view.history)) == (before, 0)
    assert not cluster.outstanding


def test_who_works_is_not_asked(cluster: Client, gate: Path, begun: Path) -> None:
    busy = cluster[1].apply_async(begin_and_wait_for, str(begun), str(gate))
    wait_until(begun.exists, what="the task to begin")
    assert "apple" in names(cluster)
    assert "pear" not in names(cluster)
    assert cluster[1]._ipython_key_completions_() == []
    gate.touch()
    busy.get(30)


def test_who_does_not_answer_is_left_out(
    cluster: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = cluster[1].apply_sync(os.getpid)
    monkeypatch.setattr(completion, "PATIENCE", 5.0)  # a busy machine
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "pear" not in names(cluster)
        assert cluster[1]._ipython_key_completions_() == []
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "pear" in names(cluster), what="the engine to be asked again")


def test_names_that_a_user_gives_to_builtins_do_no_harm(cluster: Client) -> None:
    cluster[0].push({"globals": 1, "list": 2}, block=True)
    assert "list" in cluster[0]._ipython_key_completions_()
    cluster[0].execute("del globals, list", block=True)


def test_ids_complete_a_client(cluster: Client) -> None:
    assert cluster._ipython_key_completions_() == [0, 1]


def test_a_closed_client_has_nothing_to_tell(cluster: Client) -> None:
    client = cluster.cluster.connect_client_sync()
    view = client[:]
    client.close()
    assert client._ipython_key_completions_() == []
    assert view._ipython_key_completions_() == []
    assert "closed" in client._repr_html_()


def test_a_view_of_an_engine_that_is_gone_has_nothing_to_tell(cluster: Client) -> None:
    view = cluster[0]
    view.targets = [7]
    assert view._ipython_key_completions_() == []


def test_ipython_asks(cluster: Client) -> None:
    from IPython.core.completer import IPCompleter, provisionalcompleter

    completer = IPCompleter(namespace={"view": cluster[:], "rc": cluster})
    completer.use_jedi = False
    with provisionalcompleter():
        found = [each.text for each in completer.completions("view['ap", 8)]
        assert found == ["apple"]
        found = [each.text for each in completer.completions("rc[", 3)]
        assert found == ["0", "1"]


def test_tables_tell_what_there_is(cluster: Client) -> None:
    pids = cluster[:].apply_sync(os.getpid)
    html = cluster._repr_html_()
    assert "2 engines" in html
    assert all(f"<td>{pid}</td>" in html for pid in pids)
    view = cluster.load_balanced_view(label="<b>", retries=2)
    html = view._repr_html_()
    assert "<th>engines</th><td>any</td>" in html
    assert "&lt;b&gt;" in html
    assert "<th>retries</th><td>2</td>" in html
    html = cluster.cluster._repr_html_()
    assert "running" in html
    assert "<td>local</td><td>2</td>" in html
    assert "stopped" in Cluster(n=7)._repr_html_()
