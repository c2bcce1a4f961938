"""The options that all launchers have, and a `Cluster` has for all of its launchers."""

from __future__ import annotations

from typing import ClassVar

from traitlets import Dict, HasTraits, Int, List, Unicode

__all__ = ["OF_SYSTEMS", "CommonOptions"]

#: Those that only a batch system, or a launcher of many hosts, has a use for.
OF_SYSTEMS = frozenset(
    {"queue", "account", "walltime", "nodes", "engines_per_node", "cores", "memory"}
)


class CommonOptions(HasTraits):
    """What is said in the same words of each place where processes can run."""

    queue = Unicode(help="The queue, or partition, to run in.")
    account = Unicode(help="Who pays for it.")
    walltime = Unicode(help="How long it may run: H:MM:SS, or minutes.")
    nodes = Int(None, allow_none=True, min=1, help="Hosts to spread the engines over.")
    engines_per_node = Int(None, allow_none=True, min=1, help="Engines on each host.")
    cores = Int(None, allow_none=True, min=1, help="Cores for each engine.")
    memory = Unicode(help="Memory for each engine, such as 2GB.")
    python = Unicode(help="The interpreter there; by default the one that runs here.")
    prologue = List(
        Unicode(),
        help="Lines of shell to run before, such as `module load …` or `conda "
        "activate …`.",
    )
    environment = Dict(
        value_trait=Unicode(),
        help="Variables of the engines' environment. One whose value has commas in "
        "[brackets] gives each engine of a host its own: {'CUDA_VISIBLE_DEVICES': "
        "'[0,1]'}.",
    )
    work_dir = Unicode(".", help="The folder to work in.")

    COMMON: ClassVar[tuple[str, ...]] = (
        "queue", "account", "walltime", "nodes", "engines_per_node", "cores", "memory",
        "python", "prologue", "environment", "work_dir",
    )  # fmt: skip

    for _common in (queue, account, walltime, nodes, engines_per_node, cores, memory,
                    python, prologue, environment, work_dir):  # fmt: skip
        _common.tag(config=True)
    del _common

    def chosen(self) -> dict[str, object]:
        """Return those of the common options that are not what they are by default."""
        values = {name: getattr(self, name) for name in CommonOptions.COMMON}
        return {
            name: value
            for name, value in values.items()
            if value and value != CommonOptions.class_traits()[name].default()
        }
