"""Long runs, each in a folder of its own that is left as it was found."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from tests.leaks import MARK, sandbox

__all__ = ["apart"]


@contextmanager
def apart(name: str, complaints: list[str], *, keep: bool = False) -> Iterator[Path]:
    """Give a run a new folder, for what it writes and for all temporary files.

    What it raises, and what it leaves behind, becomes a complaint. The folder stays if
    there is any, or if it is to be kept.

    Parameters
    ----------
    name
        What the folder's begins with.
    complaints
        Those of the run; more may be added.
    """
    os.environ.setdefault(MARK, f"{os.getpid()}-{time.time_ns()}")
    # pyzmq's thread that frees uncopied messages stays: it is not left by a run.
    zmq.Frame(b"first", copy=False, copy_threshold=0)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    try:
        with sandbox(folder, whose="the run"):
            yield folder
    except pytest.fail.Exception as failure:
        complaints.append(str(failure))
    except Exception as error:
        complaints.append(f"the run cannot go on: {error!r}")
    if keep or complaints:
        print(f"logs and notes are in {folder}")
    else:
        shutil.rmtree(folder)
