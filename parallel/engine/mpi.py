"""An engine that is a rank of an MPI world: joining it, and leaving it in order.

MPI is the first thing such an engine does: before it greets the controller, for its
rank is the id that it asks for, and before any thread or socket is made.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from ..errors import LauncherError
from .abort import make_abort_last
from .segments import drop_names

__all__ = [
    "World",
    "end_process",
    "is_first_rank",
    "join_world",
    "place_on_host",
    "stderr_file",
]

log = logging.getLogger("parallel.engine")

#: The other ranks have so long to leave as well, seconds: MPI waits for them for ever.
LEAVE_PATIENCE = 5
#: The process that started a rank is looked for this often, seconds.
LOOK_EVERY = 0.5
#: A rank that is to end has so long, seconds.
GRACE = 10.0
#: Who starts ranks tells them by these how many there are.
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
#: By these, which of all a rank is.
RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")
#: And by these, which of those on its host.
PLACES = ("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID")
#: Who started the ranks is known by variables that begin so.
STARTERS = (
    ("OMPI_", "Open MPI's mpiexec"),
    ("PRTE_", "Open MPI's mpiexec"),
    ("HYDI_", "MPICH's mpiexec"),
    ("HYDRA_", "MPICH's mpiexec"),
    ("SLURM_STEP_", "srun"),
)


class World(NamedTuple):
    """The ranks that were started together, seen from one of them."""

    rank: int
    size: int
    #: The same on all of its ranks, and on no other's.
    token: bytes
    #: The module `mpi4py.MPI`.
    mpi: Any

    def names(self) -> dict[str, Any]:
        """Return what users' code finds in its namespace."""
        return {"MPI": self.mpi, "mpi_rank": self.rank, "mpi_size": self.size}

    def watch(self, is_ending: Callable[[], bool]) -> None:
        """See to it, from a thread, that this process does not outlive its world.

        It ends with what has started it, and soon if it is to end: also if its main
        thread is in C code, waiting for another rank, where no signal is heeded.
        """
        threading.Thread(
            target=_watch,
            args=(os.getppid(), is_ending),
            name="parallel-mpi-watch",
            daemon=True,
        ).start()

    def stderr(self, pattern: str) -> int | None:
        """Return the descriptor of the file that this rank's stderr is kept in.

        Whoever has started the ranks shows it once one of them has died.

        Parameters
        ----------
        pattern
            The file's path, in which `{rank}` stands for the number of the rank;
            nothing if there is to be none.
        """
        if not pattern:
            return None
        file = stderr_file(pattern, self.rank)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        try:
            return os.open(file, flags, 0o600)
        except OSError as error:
            log.warning("what rank %s says last is not kept: %s", self.rank, error)
            return None

    def leave(self) -> None:
        """Take leave of the other ranks; end by SIGALRM if they do not leave, too.

        Who starts ranks takes one that ends without for failed, and ends all.
        """
        if self.mpi.Is_finalized():
            return
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # MPI lets no handler run
        signal.alarm(LEAVE_PATIENCE)
        with contextlib.suppress(Exception):  # users' code may have broken it
            self.mpi.Finalize()
        signal.alarm(0)


def stderr_file(pattern: str, rank: int) -> str:
    """Return the file of a rank's stderr.

    >>> stderr_file("log/rank{rank}.stderr", 3)
    'log/rank3.stderr'
    """
    return pattern.replace("{rank}", str(rank))


def end_process(status: int) -> NoReturn:
    """End this process, without waiting for threads that users' code has left behind.

    MPICH says goodbye to mpiexec in exit(3) only, after MPI_Finalize; and of ranks that
    end without, all others are killed.
    """
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is not None and mpi.Is_finalized():
        ctypes.PyDLL(None).exit(status)  # with the GIL, so that no thread goes on
    os._exit(status)


def _watch(starter: int, is_ending: Callable[[], bool]) -> None:
    since = 0.0
    while not since or time.monotonic() - since < GRACE:
        time.sleep(LOOK_EVERY)
        is_orphan = os.getppid() != starter
        if since or not (is_orphan or is_ending()):
            continue
        since = time.monotonic()
        if is_orphan:
            log.warning("it ends: what has started it (pid %s) is gone", starter)
            # To the main thread itself: else its recv goes on.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGKILL)


def join_world(size: int = 0) -> World:
    """Start MPI in this process; return once all ranks have.

    Parameters
    ----------
    size
        The ranks that there have to be; 0 if only their starter knows.

    Raises
    ------
    LauncherError
        There is no MPI here, or this process is alone in its world.
    """
    with _ended_by_signals():
        mpi = _import_mpi()
        world = mpi.COMM_WORLD
        world.barrier()
    drop_names()
    told = _told_size(os.environ)
    if (size and world.size != size) or (not size and world.size == 1 < told):
        why = _say_size(mpi, size or told, bool(size))
        World(world.rank, world.size, b"", mpi).leave()
        raise LauncherError(why)
    token = world.bcast(os.urandom(16) if world.rank == 0 else None)
    return World(world.rank, world.size, token, mpi)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have signals end this process at once: in C code it would not heed them."""
    ending = signal.SIGTERM, signal.SIGINT
    before = {each: signal.signal(each, signal.SIG_DFL) for each in ending}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _import_mpi() -> Any:
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise LauncherError(
            f"an engine with MPI needs mpi4py on {socket.gethostname()}, and an MPI "
            f"that it can load: pip install 'parallel[mpi]' brings both ({error})"
        ) from error
    except RuntimeError as error:  # it found no library, or another one than its own
        raise LauncherError(
            f"mpi4py cannot load an MPI library on {socket.gethostname()}: install one "
            "(pip install mpich), load your site's module for it, or name it by "
            f"MPI4PY_LIBMPI ({error})"
        ) from error
    make_abort_last(MPI)
    return MPI


def place_on_host(environment: Mapping[str, str]) -> int:
    """Return which of the ranks on its host this process is, counted from 0.

    >>> place_on_host({"MPI_LOCALRANKID": "3"}), place_on_host({})
    (3, 0)
    """
    told = [environment[name] for name in PLACES if name in environment]
    return int(told[0]) if told and told[0].isdigit() else 0


def is_first_rank(environment: Mapping[str, str]) -> bool:
    """Tell whether this process is the one of its ranks that speaks for all.

    >>> is_first_rank({"PMI_RANK": "3"}), is_first_rank({})
    (False, True)
    """
    told = [environment[name] for name in RANKS if name in environment]
    return not told or told[0] == "0"


def _told_size(environment: Mapping[str, str]) -> int:
    """Return how many ranks their starter says that there are, or 0."""
    told = [environment[name] for name in SIZES if name in environment]
    return int(told[0]) if told and told[0].isdigit() else 0


def _say_size(mpi: Any, wanted: int, was_given: bool) -> str:
    size, rank = mpi.COMM_WORLD.size, mpi.COMM_WORLD.rank
    asked = "were asked for" if was_given else "were started"
    library = mpi.Get_library_version().strip("\0").splitlines()[0].strip()
    begun = (each for prefix, each in STARTERS if _has(os.environ, prefix))
    starter = next(begun, "something that told it no number of ranks")
    what = "each is a world of its own" if size == 1 else f"its world has {size}"
    remedy = (
        "start it by the mpiexec that belongs to that library (mpi_cmd)"
        if starter != "srun"
        else "name its MPI to srun (mpi_args=['--mpi=pmi2'] or pmix; `srun --mpi=list` "
        "shows them)"
    )
    return (
        f"{wanted} ranks {asked}, but rank {rank} on {socket.gethostname()} finds that "
        f"{what}: it was started by {starter}, and mpi4py here uses {library}. If the "
        f"two do not belong together, {remedy}"
    )


def _has(environment: Mapping[str, str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in environment)
