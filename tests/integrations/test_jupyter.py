"""A Jupyter server, a process of its own, lists, starts and stops clusters by HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

import pytest

from parallel import Client, Cluster
from parallel.transport.pids import is_alive
from tests import ROOT
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TOKEN = "letmein"
COMMAND = (
    "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1",
    "--ServerApp.port=0", f"--IdentityProvider.token={TOKEN}",
)  # fmt: skip


@dataclass
class Server:
    """A Jupyter server that runs."""

    process: subprocess.Popen[bytes]
    url: str

    def ask(
        self, method: str, path: str, body: Any = None, token: str = TOKEN
    ) -> tuple[int, Any]:
        """Return the status and the JSON of an answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"token {token}"} if token else {}
        request = Request(
            self.url + path, data if method == "POST" else None, headers, method=method
        )
        try:
            with urlopen(request, timeout=120) as answer:
                status, text = answer.status, answer.read()
        except HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, json.loads(text) if text else None

    def is_there(self) -> bool:
        """Tell whether it answers."""
        try:
            return self.ask("GET", "api")[0] == 200
        except URLError:
            return False

    def clusters(self) -> dict[str, Any]:
        """Return what it lists, by key."""
        status, found = self.ask("GET", "ipyparallel/clusters")
        assert status == 200
        return {each["id"]: each for each in found}


def serve(folder: Path) -> Iterator[Server]:
    """Start a server that has the configuration which the package ships."""
    places = {
        "JUPYTER_CONFIG_PATH": str(ROOT / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *COMMAND, f"--ServerApp.root_dir={folder}"],
            env=os.environ | places, stdout=log, stderr=log,
        )  # fmt: skip
    told = folder / "runtime" / f"jpserver-{process.pid}.json"
    try:
        wait_until(
            lambda: told.exists() or process.poll() is not None, 90, "the server"
        )
        assert process.poll() is None, (folder / "log").read_text()
        wait_until(lambda: told.read_text().endswith("}"), 10, "its file")
        server = Server(process, json.loads(told.read_text())["url"])
        wait_until(server.is_there, 60, "it to listen")
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that the tests of this module share."""
    yield from serve(tmp_path_factory.mktemp("server"))


def test_a_cluster_is_made_started_used_and_stopped(cluster: Server) -> None:
    status, made = cluster.ask("POST", "ipyparallel/clusters", {"cluster_id": "a%b"})
    assert status == 200, made
    assert (status, made["id"]) == (200, "default:a%b")
    assert "controller" not in made
    assert made["engines"]["n"] == 0
    path = f"ipyparallel/clusters/{quote(made['id'], safe='')}"
    assert cluster.ask("GET", path)[1] == made
    assert cluster.ask("DELETE", path) == (204, None)
    assert cluster.ask("DELETE", path)[0] == 404


def test_the_default_cluster_is_there_without_being_made(cluster: Server) -> None:
    path = "ipyparallel/clusters/default:"
    status, started = cluster.ask("POST", path, {"n": 2})
    assert status == 200, started
    assert (status, started["engines"]["n"]) == (200, 2)
    with Client() as client:
        client.wait_for_engines(2, timeout=60)
        pids = client[:].apply_sync(os.getpid)
    assert "controller" in cluster.clusters()["default:"]
    status, told = cluster.ask("POST", path, {"n": 2})
    assert status == 409
    assert "is running" in told["message"]
    assert cluster.ask("DELETE", path) == (204, None)
    wait_until(lambda: not any(map(is_alive, pids)), 30, "the engines to be gone")
    assert "controller" not in cluster.clusters()["default:"]


def test_what_somebody_else_started_is_found_and_can_be_stopped(
    cluster: Server,
) -> None:
    own = Cluster(cluster_id="mine", n=1).start_cluster_sync()
    try:
        assert "controller" in cluster.clusters()["default:mine"]
        assert cluster.ask("DELETE", "parallel/clusters/default:mine")[0] == 204
        assert "default:mine" not in cluster.clusters()
        assert not own.is_kept()
    finally:
        own.stop_cluster_sync()


def test_both_prefixes_serve_the_same(cluster: Server) -> None:
    one = cluster.ask("GET", "parallel/clusters")
    assert one == cluster.ask("GET", "ipyparallel/clusters")
    assert one[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("clusters/default:", {"n": -1}, 400, "from 1, not -1"),
        ("clusters/default:", {"n": 0}, 400, "from 1, not 0"),
        ("clusters/default:", {"n": "x"}, 400, "not 'x'"),
        ("clusters/default:", {"n": True}, 400, "not True"),
        ("clusters/default:", [1], 400, "a JSON object, not [1]"),
        ("clusters/default:", b"{", 400, "not JSON"),
        ("clusters/default:", b"\xff\xfe", 400, "not JSON"),
        ("clusters/nobody:", {"n": 1}, 404, "no cluster 'nobody:'"),
        ("clusters", {"profile": "nobody"}, 404, "no profile 'nobody'"),
        ("clusters", {"profile": "/no/where"}, 404, "no folder '/no/where'"),
        ("clusters", {"profile": 7}, 400, "not 7"),
        ("clusters", {"cluster_id": 7}, 400, "cluster_id"),
        ("clusters", {"colour": "red"}, 400, "no option 'colour'"),
        ("clusters", {"n": "x"}, 400, "not 'x'"),
    ],
)
def test_what_is_no_good_is_refused_with_words(
    cluster: Server, path: str, body: Any, status: int, words: str
) -> None:
    found, told = cluster.ask("POST", f"ipyparallel/{path}", body)
    assert found == status, told
    assert words in told["message"]


def test_a_second_cluster_of_a_key_is_refused(cluster: Server) -> None:
    assert cluster.ask("POST", "parallel/clusters", {"cluster_id": "twin"})[0] == 200
    status, told = cluster.ask("POST", "parallel/clusters", {"cluster_id": "twin"})
    assert status == 409
    assert "default:twin" in told["message"]
    assert cluster.ask("DELETE", "parallel/clusters/default:twin")[0] == 204


def test_a_launcher_that_says_no_is_told(cluster: Server) -> None:
    body = {"cluster_id": "bad", "engines": "nowhere"}
    status, told = cluster.ask("POST", "parallel/clusters", body)
    if status == 200:
        status, told = cluster.ask("POST", f"parallel/clusters/{told['id']}", {"n": 1})
    assert status in (400, 500)
    assert "nowhere" in told["message"]


def test_strangers_are_let_do_nothing(cluster: Server) -> None:
    for method, path in [
        ("GET", "clusters"), ("POST", "clusters"), ("GET", "clusters/default:"),
        ("POST", "clusters/default:"), ("DELETE", "clusters/default:"),
    ]:  # fmt: skip
        for token in ("", "guess"):
            status, _ = cluster.ask(method, f"ipyparallel/{path}", {}, token)
            assert status == 403


def test_a_browsers_cookie_does_nothing_without_the_xsrf_header(
    cluster: Server,
) -> None:
    jar = CookieJar()
    browser = build_opener(HTTPCookieProcessor(jar))
    browser.open(f"{cluster.url}login?token={TOKEN}", timeout=120).close()
    cookies = {each.name: each.value or "" for each in jar}
    place = f"{cluster.url}ipyparallel/clusters/nosuch:"

    def status(method: str, headers: dict[str, str]) -> int:
        request = Request(place, b"{}", headers, method=method)
        with pytest.raises(HTTPError) as caught:
            browser.open(request, timeout=120)
        with caught.value as error:
            return error.code

    for method in ("POST", "DELETE"):
        assert status(method, {}) == 403
        assert status(method, {"X-XSRFToken": cookies["_xsrf"]}) == 404


def test_what_it_started_ends_with_the_server_and_nothing_else(tmp_path: Path) -> None:
    serving = serve(tmp_path)
    server = next(serving)
    other = Cluster(cluster_id="other", n=1).start_cluster_sync()
    try:
        assert server.ask("POST", "parallel/clusters/default:", {"n": 1})[0] == 200
        assert set(server.clusters()) == {"default:", "default:other"}
        own = Cluster.from_file()
        next(serving, None)  # it is stopped
        wait_until(lambda: not own.is_kept(), 60, "the cluster to end")
        assert other.is_kept()
        with other.connect_client_sync() as client:
            client.wait_for_engines(1, timeout=60)
    finally:
        other.stop_cluster_sync()
