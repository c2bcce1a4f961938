"""An engine is a Jupyter kernel, between its tasks."""

from __future__ import annotations

import itertools
import os
import queue
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import parallel as ipp
from parallel import Client, Cluster
from tests.integration.tasks import wait_for
from tests.waiting import wait_until

pytest.importorskip("IPython")
jupyter_client = pytest.importorskip("jupyter_client")
pytestmark = pytest.mark.slow

PATIENCE = 60
Ask = Callable[..., "Cell"]


class Cell:
    """What became of a cell, and all that came of it."""

    def __init__(self) -> None:
        self.reply: dict[str, Any] = {}
        self.told: list[tuple[str, dict[str, Any]]] = []

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [content for each, content in self.told if each == kind]

    @property
    def text(self) -> str:
        return "".join(each["text"] for each in self.of("stream"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    with Cluster(n=1) as client:
        yield client


@pytest.fixture(scope="module")
def path(cluster: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = str(tmp_path_factory.mktemp("kernel") / "kernel.json")
    bound = cluster[0].apply_sync(ipp.bind_kernel, connection_file=file)
    assert bound.connection_file == file
    assert f"jupyter console --existing {file}" in repr(bound)
    return file


@pytest.fixture(scope="module")
def front(path: str) -> Iterator[Any]:
    """Connect a front end."""
    client = jupyter_client.BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    yield client
    client.stop_channels()
    client.context.term()
    from jupyter_core.utils import ensure_event_loop

    ensure_event_loop().close()  # that the blocking client has made


@pytest.fixture
def ask(front: Any) -> Ask:
    """Return what runs a cell from the front end."""

    def run(code: str, answer: str = "") -> Cell:
        cell = Cell()
        told = front.execute_interactive(
            code,
            timeout=PATIENCE,
            output_hook=lambda m: cell.told.append((m["msg_type"], m["content"])),
            stdin_hook=lambda _: front.input(answer),
        )
        cell.reply = told["content"]
        return cell

    return run


def test_only_its_owner_can_read_its_file(path: str) -> None:
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600


def test_to_bind_it_twice_is_to_bind_it_once(cluster: Client, path: str) -> None:
    again = cluster[0].apply_sync(ipp.bind_kernel)
    assert again.connection_file == path


def test_it_has_the_engines_names(cluster: Client, ask: Ask) -> None:
    cluster[0]["a"] = 41
    (result,) = ask("b = a + 1\nb").of("execute_result")
    assert result["data"]["text/plain"] == "42"
    assert cluster[0]["b"] == 42


def test_it_tells_all_that_a_cell_prints_and_displays_in_order(ask: Ask) -> None:
    cell = ask(
        "import os\nprint('python')\nos.system('echo child')\n"
        "h = display('one', display_id=True)\nh.update('two')\nprint('end')"
    )
    kinds = ["stream", "display_data", "update_display_data", "stream"]
    told = [kind for kind, _ in cell.told if kind in kinds]
    assert [kind for kind, _ in itertools.groupby(told)] == kinds
    assert cell.text == "python\nchild\nend\n"


def test_it_shows_widgets_as_text(ask: Ask) -> None:
    pytest.importorskip("ipywidgets")
    cell = ask(
        "import ipywidgets\nout = ipywidgets.Output()\n"
        "with out:\n    print('in it')\n"
        "display(ipywidgets.IntSlider(value=3))\nipywidgets.IntSlider(value=4)"
    )
    assert cell.text == "in it\n"
    shown = [*cell.of("display_data"), *cell.of("execute_result")]
    assert [each["data"] for each in shown] == [
        {"text/plain": f"IntSlider(value={value})"} for value in (3, 4)
    ]


def test_what_cells_show_is_no_tasks_and_the_other_way_round(
    cluster: Client, ask: Ask
) -> None:
    first = cluster[0].apply_async(print, "of a task")
    first.get(PATIENCE)
    assert ask("print('of a cell')").text == "of a cell\n"
    last = cluster[0].apply_async(print, "of another")
    last.get(PATIENCE)
    assert (first.stdout, last.stdout) == ("of a task\n", "of another\n")


def test_an_error_is_told_with_the_users_lines_only(ask: Ask) -> None:
    cell = ask("def f():\n    return 1 / 0\n\nf()")
    assert cell.reply["status"] == "error"
    (error,) = cell.of("error")
    assert error["ename"] == "ZeroDivisionError"
    assert "parallel/engine" not in "".join(error["traceback"])
    assert ask("1").reply["status"] == "ok"


def test_syntax_errors_and_exit_do_it_no_harm(cluster: Client, ask: Ask) -> None:
    pid = cluster[0].apply_sync(os.getpid)
    assert ask("1 +").reply["ename"] == "SyntaxError"
    assert ask("exit").reply["payload"][0]["source"] == "ask_exit"
    assert ask("raise SystemExit").reply["ename"] == "SystemExit"
    assert cluster[0].apply_sync(os.getpid) == pid


def test_a_cell_can_ask_for_input(ask: Ask) -> None:
    assert ask("print(input('who? ') + '!')", "me").text == "me!\n"


def test_it_completes_and_explains(front: Any, ask: Ask) -> None:
    ask("import os")
    told = front.complete("os.getpi", reply=True, timeout=PATIENCE)["content"]
    assert told["matches"] == ["getpid"]
    told = front.inspect("os.getpid", reply=True, timeout=PATIENCE)["content"]
    assert told["found"]


def test_it_answers_while_a_task_runs_and_cells_wait(
    cluster: Client, front: Any, ask: Ask, begun: Path, gate: Path
) -> None:
    def begin(begun: str, gate: str) -> str:
        Path(begun).touch()
        return str(wait_for(gate))

    ar = cluster[0].apply_async(begin, str(begun), str(gate))
    wait_until(begun.exists, what="the task")
    front.kernel_info(reply=True, timeout=PATIENCE)
    assert not ar.ready()
    message = front.execute("'after'")
    gate.touch()
    ar.get(PATIENCE)
    while front.get_shell_msg(timeout=PATIENCE)["parent_header"]["msg_id"] != message:
        pass


def test_a_cell_can_be_interrupted(front: Any, ask: Ask, begun: Path) -> None:
    message = front.execute(
        f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(600)"
    )
    wait_until(begun.exists, what="the cell")
    front.control_channel.send(front.session.msg("interrupt_request", {}))
    while True:
        reply = front.get_shell_msg(timeout=PATIENCE)
        if reply["parent_header"]["msg_id"] == message:
            break
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert ask("1").reply["status"] == "ok"


def test_who_has_not_its_key_is_not_heard(path: str, cluster: Client) -> None:
    stranger = jupyter_client.BlockingKernelClient(connection_file=path)
    stranger.load_connection_file()
    stranger.session.key = b"wrong"
    stranger.start_channels()
    stranger.execute("stolen = 1")
    with pytest.raises(queue.Empty):
        stranger.get_shell_msg(timeout=1)
    stranger.stop_channels()
    stranger.context.term()
    assert cluster[0].apply_sync(lambda: "stolen" in globals()) is False


def divide(numerator: int, denominator: int) -> float:
    halved = denominator // 2
    return numerator / halved


def test_a_real_console_and_post_mortem_of_a_task_that_failed(
    path: str, cluster: Client
) -> None:
    pexpect = pytest.importorskip("pexpect")
    pytest.importorskip("jupyter_console")
    cluster[0]["z"] = 5
    arguments = ["-m", "jupyter_console", "--simple-prompt", "--existing", path]
    environment = {**os.environ, "TERM": "dumb"}
    console = pexpect.spawn(
        sys.executable, arguments, encoding="utf8", timeout=PATIENCE, env=environment
    )
    console.expect(r"In \[\d+\]: ")
    console.sendline("print(z * 11)")
    console.expect("55")
    with pytest.raises(ZeroDivisionError):
        cluster[0].apply_sync(divide, 7, 1)
    console.expect(r"In \[\d+\]: ")
    console.sendline("%debug")
    console.expect("ipdb> ")
    for line, said in [("p numerator * 13", "91"), ("p halved + 0x64", "100")]:
        console.sendline(line)
        # A console shows what comes after the next prompt only at the one after that.
        while console.expect([said, "ipdb> "]):
            console.sendline(line)
    console.sendline("q")
    console.expect(r"In \[\d+\]: ")
    console.sendline("exit")
    console.expect(pexpect.EOF)
    console.close()
    assert cluster[0].apply_sync(abs, -1) == 1


def test_it_ends_with_its_engine(tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    with Cluster(n=1) as rc:
        rc[0].apply_sync(ipp.bind_kernel, "127.0.0.1", connection_file=str(path))
        assert path.exists()
    wait_until(lambda: not path.exists(), what="its connection file to be removed")
