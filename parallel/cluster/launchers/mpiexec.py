"""The commands that start the ranks of an MPI world, as data: how each one is asked.

All take `-n`. In the rest they differ: in how they are told where ranks go, in which
variables reach the ranks on other hosts, and in how they say that a rank failed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ..joining import IN_INIT

__all__ = ["STARTERS", "Starter", "starter_of", "told_failure", "told_slow"]

#: A line that frames what mpiexec says: Open MPI's, and MPICH's.
FRAME = r"-{60,}|={60,}"
#: What MPICH says below its frame, of which the rest says nothing.
ENDED = r"YOUR APPLICATION TERMINATED WITH THE EXIT STRING: (.*)"
SOME_RANK = "the rank with pid"
IDLE = r"^This typically refers to a problem|^Please see the FAQ page for debugging"
#: What those who watch ranks log of one that failed: see `parallel.cluster.ranks`.
FAILED = r"rank \d+ of \d+ (?:was killed|exited|has aborted) .*"
#: What they log of one that does not register, and of one that does so late.
SLOW = r"((?:a rank|rank \d+) \(pid \d+ on .*\)) has (not registered .*|registered)"
#: Lines without a frame that say why.
ERRORS = r"Abort\(\d|srun: error: |slurmstepd: error: |\[mpiexec@|\[proxy:"


class Starter(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of mpiexec.

    Parameters
    ----------
    name
        What people call it.
    sign
        What its `--version` says, a regular expression.
    always
        What it is asked in any case.
    per_node, cores, both
        The options for so many ranks on each host, so many cores for each rank, and
        both; by default those after each other.
    nodes
        The option for so many hosts, if it can be told that at all.
    variable
        The option that hands a variable to the ranks of other hosts; without, all go.
    as_root, crowded, in_job
        What its environment has if root may start ranks, if there may be more of them
        than slots, and in a batch system's job.
    at_home
        What it has where all ranks are on this host, unless others have said otherwise.
    """

    name: str
    sign: str
    always: tuple[str, ...] = ()
    per_node: tuple[str, ...] = ()
    cores: tuple[str, ...] = ()
    both: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    variable: str = ""
    as_root: dict[str, str] = {}
    crowded: dict[str, str] = {}
    in_job: dict[str, str] = {}
    at_home: dict[str, str] = {}

    def places(
        self, n: int, nodes: int | None, per_node: int | None, cores: int | None
    ) -> list[str]:
        """Return the words that say where n ranks go."""
        if nodes is not None and per_node is None:
            per_node = -(-n // nodes)
        words = () if nodes is None else self.nodes
        if per_node is not None and cores is not None:
            words += self.both or (*self.per_node, *self.cores)
        elif per_node is not None:
            words += self.per_node
        elif cores is not None:
            words += self.cores
        return [
            word.format(nodes=nodes, per_node=per_node, cores=cores) for word in words
        ]


#: The first one whose sign is there is it. The last are those that say nothing of use.
STARTERS = (
    Starter(
        name="Open MPI",
        sign=r"Open MPI|OpenRTE|PRRTE",
        per_node=("--map-by", "ppr:{per_node}:node"),
        cores=("--map-by", "slot:PE={cores}"),
        both=("--map-by", "ppr:{per_node}:node:PE={cores}"),
        variable="-x",
        as_root={"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"},
        crowded={
            "OMPI_MCA_rmaps_base_oversubscribe": "1",  # up to 4.x, and later
            # Without `slot` all ranks go to the first host, however many there are.
            "PRTE_MCA_rmaps_default_mapping_policy": "slot:oversubscribe",
        },
        in_job={"PRTE_MCA_hwloc_default_binding_policy": "none"},
        # All are ways to other hosts. `ofi` sleeps for a second in MPI_Init if it finds
        # no such way; the others are what sites mostly leave out.
        at_home={"OMPI_MCA_btl": "^ofi,openib,uct,usnic"},
    ),
    Starter(
        name="srun",
        sign=r"^slurm",
        always=("--kill-on-bad-exit=1",),  # as all others do by themselves
        nodes=("--nodes={nodes}",),
        per_node=("--ntasks-per-node={per_node}",),
        cores=("--cpus-per-task={cores}",),
    ),
    Starter(
        name="MPICH",
        sign=r"HYDRA|Intel\(R\) MPI|mvapich",
        per_node=("-ppn", "{per_node}"),
        cores=("-bind-to", "core:{cores}"),
    ),
    Starter(name="an unknown MPI", sign=r""),
)


def starter_of(version: str) -> Starter:
    """Return which one a command is, by what its `--version` says."""
    return next(
        each
        for each in STARTERS
        if re.search(each.sign, version, re.IGNORECASE | re.MULTILINE)
    )


def told_failure(lines: Sequence[str]) -> tuple[str, list[str]]:
    """Return why ranks failed, in one line, and what else was written.

    Parameters
    ----------
    lines
        What mpiexec and its ranks wrote: mpiexec frames what it has to say of failures.
    """
    told: dict[str, None] = {}
    others, at = [], 0
    while at < len(lines):
        end = _end_of_frame(lines, at)
        if end is None:
            others.append(lines[at])
            end = at
        elif said := _essence(lines[at : end + 1]):
            told[said] = None
        at = end + 1
    others = [line for line in others if not re.search(IDLE, line)]
    ended = next(filter(None, (re.match(ENDED, line) for line in others)), None)
    if ended is not None:
        told = {f"{rank}: {ended[1]}": None for rank in told}
        others.remove(ended[0])
    failed = [found[0] for line in others if (found := re.search(FAILED, line))]
    if failed:  # MPICH often tells of one that it has killed for that
        told = {said: None for said in told if not said.startswith(SOME_RANK)}
    errors = dict.fromkeys(line for line in others if re.match(ERRORS, line))
    return "; ".join([*failed, *errors, *told]), [
        line for line in others if line.strip()
    ]


def told_slow(lines: Sequence[str]) -> str:
    """Return which ranks do not register, in one line; '' if none is late.

    Parameters
    ----------
    lines
        What mpiexec and its ranks wrote.
    """
    late: dict[str, str] = {}
    for found in filter(None, (re.search(SLOW, line) for line in lines)):
        rank, how = found.groups()
        late.pop(rank, None)
        if how.startswith("not"):
            late[rank] = f"{rank} has {how}"
    # Whom the others wait for is told first.
    told = sorted(late.values(), key=lambda said: IN_INIT in said)
    more = f"; and so {len(told) - 1} more" if len(told) > 1 else ""
    return told[0] + more if told else ""


def _end_of_frame(lines: Sequence[str], begin: int) -> int | None:
    """Return where a frame of lines ends that begins here, if one does."""
    if not re.fullmatch(FRAME, lines[begin].strip()):
        return None
    rest = range(begin + 1, len(lines))
    return next((i for i in rest if lines[i].strip() == lines[begin].strip()), None)


def _essence(frame: Sequence[str]) -> str:
    """Return what a frame says: its first paragraph, or whose end it tells."""
    inner = [line.strip("= ") for line in frame[1:-1]]
    for line in inner:
        if found := re.match(r"PID (\d+) RUNNING AT (\S+)", line):
            return f"{SOME_RANK} {found[1]} on {found[2]}"
    paragraphs = "\n".join(inner).strip().split("\n\n")
    told = paragraphs[0]
    if told.endswith(":") and len(paragraphs) > 1:
        told += f" {paragraphs[1]}"
    return " ".join(told.split())
