"""On a full disk work goes on, and what is lost of it is told, once and in words.

The disk is a small one in memory, mounted where only the script of a test sees it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from parallel import Cluster, LauncherError

pytestmark = pytest.mark.slow

Run = Callable[..., list[str]]

APART = ["unshare", "--mount"]
if os.geteuid():
    APART = ["unshare", "--map-root-user", "--mount"]

BEGIN = """
    import logging, os, sys, time
    from pathlib import Path
    from parallel import Cluster, LauncherError

    disk = Path(sys.argv[1])

    def fill():
        with open(disk / "fill", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def cluster(n=1):
        return Cluster(n=n, profile_dir=str(disk / "profile"), cluster_id="x")
"""


@pytest.fixture
def on_disk(tmp_path: Path) -> Run:
    """Return a function that runs a script with a small disk for its argument."""
    if shutil.which("unshare") is None or subprocess.run([*APART, "true"]).returncode:
        pytest.skip("nothing can be mounted here")
    disk = tmp_path / "disk"
    disk.mkdir()

    def run(script: str, *options: str) -> list[str]:
        file = tmp_path / "script.py"
        file.write_text(textwrap.dedent(BEGIN) + textwrap.dedent(script))
        mount = f"mount -t tmpfs -o {','.join(options)} tmpfs {disk}"
        python = [sys.executable, str(file), str(disk)]
        done = subprocess.run(
            [*APART, "sh", "-c", f'{mount} && exec "$0" "$@"', *python],
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return (done.stdout + done.stderr).splitlines()

    return run


def test_work_goes_on_without_the_record(on_disk: Run) -> None:
    said = on_disk(
        """
        with cluster(2) as rc:
            view = rc.load_balanced_view()
            ars = [view.apply_async(os.urandom, 5000) for _ in range(1000)]
            assert all(len(ar.get(60)) == 5000 for ar in ars)
            last = view.apply_async(abs, -1)
            last.get(60)
            status = rc.result_status(last.msg_ids, status_only=True)
            assert status["completed"] == last.msg_ids
            last.get(60)
        """,
        "size=1m",
    )
    (told,) = [line for line in said if "cannot be recorded" in line]
    assert "tasks-x.db (OperationalError: database or disk is full)" in told
    assert "Work goes on" in told
    assert "its disk is full, mend that: no restart is needed" in told


def test_tasks_are_recorded_again_when_there_is_room(on_disk: Run) -> None:
    said = on_disk(
        """
        told = []
        note = logging.Handler()
        note.emit = lambda record: told.append(record.getMessage())
        logging.getLogger("parallel.client").addHandler(note)

        def wait_for(words, view):
            end = time.monotonic() + 60
            while not any(words in each for each in told) and time.monotonic() < end:
                view.apply_sync(time.sleep, 0.01)

        with cluster() as rc:
            view = rc[0]
            view.apply_sync(abs, -1)
            fill()
            ars = [view.apply_async(os.urandom, 5000) for _ in range(300)]
            rc.wait(ars, timeout=60)
            wait_for("cannot be recorded", view)
            (disk / "fill").unlink()
            wait_for("again, and so are those that were kept in memory", view)
            assert set(rc.hub_history()) >= {ar.msg_ids[0] for ar in ars}
        size = (disk / "profile" / "tasks-x.db").stat().st_size
        print(*told, size > 10**6, sep="\\n")
        """,
        "size=30m",
    )
    assert "True" in said
    assert any("cannot be recorded" in line for line in said)
    assert any("tasks-x.db again, and so are those that were kept" in s for s in said)


def test_who_cannot_write_a_log_works_nevertheless(tmp_path: Path) -> None:
    logs = [tmp_path / f"log/{name}-x.log" for name in ("ipcontroller", "ipengine-0")]
    for log in logs:
        log.mkdir(parents=True)
    with Cluster(n=1, profile_dir=str(tmp_path), cluster_id="x") as rc:
        assert rc[0].apply_sync(abs, -1) == 1
    said = (tmp_path / "log" / "ipagent-x.log").read_text()
    for log in logs:
        assert f"cannot write {log}: Is a directory" in said


def test_an_agent_that_cannot_write_its_log_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log/ipagent-x.log"
    log.mkdir(parents=True)
    with pytest.raises(LauncherError, match=f"^cannot write {log}: Is a directory"):
        Cluster(n=1, profile_dir=str(tmp_path), cluster_id="x").start_cluster_sync()


@pytest.mark.parametrize("inodes", range(4, 14, 2))
def test_what_cannot_be_written_at_the_start_is_told(on_disk: Run, inodes: int) -> None:
    """At first there is not even room for the folders, at last for nearly all."""
    said = on_disk(
        """
        try:
            with cluster() as rc:
                print("up", rc[0].apply_sync(abs, -1))
        except LauncherError as error:
            print(error)
        """,
        f"size=2m,nr_inodes={inodes}",
    )
    told = re.compile(r"cannot (make the folder|write) \S+: No space left")
    assert any(line == "up 1" or told.search(line) for line in said), said
