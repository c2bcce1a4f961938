"""`python -m parallel` says what can be run."""

from __future__ import annotations

from ._version import __version__

COMMANDS = f"""\
parallel {__version__}: interactive parallel computing

  ipcluster      start, stop and list clusters    python -m parallel.cluster
  ipcontroller   run a controller by itself       python -m parallel.controller
  ipengine       run an engine by itself          python -m parallel.engine

Each of them tells its options with --help. From Python:

  from parallel import Cluster

  with Cluster(n=4) as rc:
      print(rc[:].apply_sync(lambda: "hello"))
"""

if __name__ == "__main__":
    print(COMMANDS, end="")
