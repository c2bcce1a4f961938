"""Engines in a cgroup: that its memory ran out is told, and they are replaced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel import Client, EngineError
from tests.commands import running
from tests.integration.tasks import add
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.system]

#: Where cgroups with a limit of memory are made, and in which file that stands.
PLACES = {
    Path("/sys/fs/cgroup"): "memory.max",
    Path("/sys/fs/cgroup/memory"): "memory.limit_in_bytes",
}
LIMIT = 300 << 20


@pytest.fixture
def group() -> Iterator[Path]:
    """Make a cgroup whose processes may have so much memory."""
    found = next(filter(None, (made(*each) for each in PLACES.items())), None)
    if found is None:
        pytest.skip("no cgroup with a limit of memory can be made here")
    yield found
    wait_until(lambda: removed(found), what="the cgroup's end")


def made(place: Path, limit: str) -> Path | None:
    """Return a new cgroup, or None where there can be none of that kind."""
    group = place / f"parallel-tests-{os.getpid()}"
    try:
        group.mkdir()
        # There already: else this is a folder like any other, and limits nothing.
        with (group / limit).open("r+") as file:
            file.write(str(LIMIT))
    except OSError:
        removed(group)
        return None
    return group


def removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


def eat() -> None:
    for nbytes in (LIMIT, 2 * LIMIT):
        bytearray(b"x" * nbytes)


def test_an_engine_whose_cgroup_has_no_memory_left_is_told_of_and_replaced(
    group: Path,
) -> None:
    def inside(words: list[str]) -> list[str]:
        script = f'echo $$ >{group}/cgroup.procs && exec "$@"'
        return ["/bin/sh", "-c", script, "sh", *words]

    with running("ipcontroller") as controller:
        controller.wait_for("listening")
        with (
            Client() as rc,
            running("ipcluster engines -n 1", on_host=inside) as agent,
        ):
            rc.wait_for_engines(1, timeout=60)
            with pytest.raises(EngineError, match="by the kernel, for memory ran out"):
                rc[0].apply_sync(eat)
            rc.wait_for_engines(1, timeout=60)
            assert rc[:].apply_sync(add, 1) == [2]
            agent.end()
        controller.end()
