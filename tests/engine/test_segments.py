"""The names of memory that ranks share: `tests/mpi` has real ones."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parallel.engine.segments import OLD, drop_names, segments_of, sweep_old

pytestmark = pytest.mark.skipif(
    not Path("/dev/shm").is_dir(), reason="memory has no names here"
)


@pytest.fixture
def segment() -> Iterator[Path]:
    """Return what a rank has left that was killed."""
    path = Path(f"/dev/shm/mpich_shm_test{os.getpid()}_0")
    path.write_bytes(bytes(4096))
    yield path
    path.unlink(missing_ok=True)


def mapped(path: Path) -> Iterator[None]:
    import mmap

    with path.open("r+b") as file, mmap.mmap(file.fileno(), 4096):
        os.utime(path, (1, 1))
        yield


def test_what_nobody_uses_is_removed_once_it_is_old(segment: Path) -> None:
    long_ago = time.time() - OLD - 60
    os.utime(segment, (long_ago, long_ago))  # from now on others may remove it, too
    sweep_old()
    assert not segment.exists()


def test_what_is_new_may_be_of_a_world_that_starts(segment: Path) -> None:
    sweep_old()
    assert segment.exists()


def test_what_a_process_uses_is_left(segment: Path) -> None:
    for _ in mapped(segment):
        sweep_old()
        assert segment.exists()
        assert str(segment) in segments_of("self")
        drop_names()
        assert not segment.exists()
