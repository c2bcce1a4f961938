"""The leak check finds each kind of leak, and lets go what goes by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.leaks import MARK, own_processes, sandbox
from tests.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@contextlib.contextmanager
def leaking(folder: Path, words: str) -> Iterator[None]:
    """Expect that what runs within is blamed for a leak, in these words."""
    with (
        pytest.raises(pytest.fail.Exception, match=words),
        sandbox(folder, patience=0.05),
    ):
        yield


def test_thread(tmp_path: Path) -> None:
    finish = threading.Event()
    thread = threading.Thread(target=finish.wait, name="forgotten")
    with leaking(tmp_path, "forgotten"):
        thread.start()
    finish.set()
    thread.join()


def test_child_process(tmp_path: Path) -> None:
    with leaking(tmp_path, r"process \d+: .*time.sleep"):
        child = subprocess.Popen(SLEEP)
    # It was killed, and waited for.
    assert child.wait() in (0, -signal.SIGKILL)
    assert not Path(f"/proc/{child.pid}").exists()


def test_process_that_its_parents_left(tmp_path: Path) -> None:
    leave = f"import subprocess; subprocess.Popen({SLEEP}, start_new_session=True)"
    before = own_processes()
    with leaking(tmp_path, r"process \d+: .*time.sleep"):
        subprocess.run([sys.executable, "-W", "ignore", "-c", leave], check=True)
    wait_until(lambda: own_processes() == before, what="end of what was left")


def test_child_without_the_mark(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    with leaking(tmp_path, r"process \d+: .*time.sleep"):
        child = subprocess.Popen(SLEEP, env=environment)
    child.wait()


def test_child_that_nobody_waited_for(tmp_path: Path) -> None:
    with leaking(tmp_path, "its parent did not wait for it"):
        child = subprocess.Popen(["true"])
        stat = Path(f"/proc/{child.pid}/stat")
        wait_until(lambda: ") Z " in stat.read_text(), what="zombie")
    child.wait()


def test_descriptor(tmp_path: Path) -> None:
    with leaking(tmp_path, r"descriptor \d+: /dev/null"):
        descriptor = os.open("/dev/null", os.O_RDONLY)
    os.close(descriptor)


def test_listening_port(tmp_path: Path) -> None:
    with leaking(tmp_path, r"listening at \('127.0.0.1', \d+\)"):
        server = socket.create_server(("127.0.0.1", 0))
    server.close()


def test_temporary_file(tmp_path: Path) -> None:
    with leaking(tmp_path, "temporary file: .*forgotten"):
        descriptor, _ = tempfile.mkstemp(prefix="forgotten")
        os.close(descriptor)


def test_shared_memory(tmp_path: Path) -> None:
    segment = Path(f"/dev/shm/forgotten-{os.getpid()}")
    with leaking(tmp_path, f"shared memory: {segment}"):
        segment.touch()
    segment.unlink()


def test_what_ends_by_itself_is_awaited(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        thread = threading.Thread(target=time.sleep, args=(0.1,))
        thread.start()


def test_what_a_cycle_holds_is_collected(tmp_path: Path) -> None:
    class Holder:
        """Keeps a descriptor, and itself."""

        def __init__(self) -> None:
            self.me = self
            self.descriptor = os.open("/dev/null", os.O_RDONLY)

        def __del__(self) -> None:
            os.close(self.descriptor)

    with sandbox(tmp_path, patience=0.05):
        Holder()


def test_a_socket_fits_into_the_temporary_folder() -> None:
    path = Path(tempfile.mkdtemp(prefix="parallel-")) / f"{'x' * 32}.sock"
    assert len(os.fsencode(path)) <= 107
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
    path.unlink()
    path.parent.rmdir()


def test_the_ipython_folder_is_a_temporary_one() -> None:
    assert os.environ["IPYTHONDIR"].startswith(str(Path(tempfile.gettempdir()).parent))
