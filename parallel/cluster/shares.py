"""Variables that each engine of a host has a value of its own for."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["SHARED", "each_engines", "environment_of", "name_shared"]

#: The variable that names those whose values stand in [brackets], one for each engine.
SHARED = "IPP_SHARED"


def name_shared(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the variables are named that engines share out.

    >>> name_shared({"CUDA_VISIBLE_DEVICES": "[0,1]", "OMP_NUM_THREADS": "1"})
    {'CUDA_VISIBLE_DEVICES': '[0,1]', 'OMP_NUM_THREADS': '1', 'IPP_SHARED': \
'CUDA_VISIBLE_DEVICES'}
    """
    shared = [name for name, value in environment.items() if _values(value)]
    return dict(environment) | ({SHARED: ",".join(shared)} if shared else {})


def each_engines(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the variables from engine to engine, and again from the first.

    >>> each_engines({"GPU": "[0,1]", "SHAPE": "round"})
    [{'GPU': '0', 'SHAPE': 'round'}, {'GPU': '1', 'SHAPE': 'round'}]
    """
    counts = [len(_values(value)) for value in environment.values()]
    named = name_shared(environment)
    return [
        dict(environment) | environment_of(named, place)
        for place in range(math.lcm(*filter(None, counts)))
    ]


def environment_of(environment: Mapping[str, str], place: int) -> dict[str, str]:
    """Return the variables that the engine in a place of its host has for itself.

    >>> environment_of({"IPP_SHARED": "GPU", "GPU": "[0,1]"}, 3)
    {'GPU': '1'}

    Parameters
    ----------
    environment
        That of the host's agent: see `name_shared`.
    place
        Counted from 0; there may be more places than values.
    """
    names = [name for name in environment.get(SHARED, "").split(",") if name]
    found = {name: _values(environment.get(name, "")) for name in names}
    return {name: each[place % len(each)] for name, each in found.items() if each}


def _values(text: str) -> list[str]:
    if not (text.startswith("[") and text.endswith("]")):
        return []
    return [value.strip() for value in text[1:-1].split(",") if value.strip()]
