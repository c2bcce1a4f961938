"""`Abort` of MPI's communicators, which is to return to nobody.

MPICH asks mpiexec to kill all ranks, and returns before it does: the task goes on, and
may end well, in a world that is being killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import os
import time
from typing import Any, NoReturn

__all__ = ["make_abort_last"]

#: Who is to kill this process has so long, seconds.
PATIENCE = 5.0


def make_abort_last(mpi: Any) -> None:
    """Have `Abort` of all communicators never return.

    Parameters
    ----------
    mpi
        The module `mpi4py.MPI`.
    """
    abort = mpi.Comm.Abort

    @functools.wraps(abort)
    def lasting(self: Any, errorcode: int = 0) -> NoReturn:
        abort(self, errorcode)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(BaseException):  # an interrupt is no way out
                time.sleep(PATIENCE)
        os._exit(errorcode & 0xFF or 1)

    # It is a type of C, which takes no attribute; and each split of a communicator is
    # of the same type again, whatever class COMM_WORLD is made to have.
    gc.get_referents(mpi.Comm.__dict__)[0]["Abort"] = lasting
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(mpi.Comm))
