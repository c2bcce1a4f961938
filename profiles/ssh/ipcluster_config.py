"""Engines on hosts that ssh reaches: name them, and `ipcluster start --profile=ssh`.

`ipcluster profile create NAME --from=ssh` makes a copy to fill in.
"""

c = get_config()

c.Cluster.engine_launcher_class = "ssh"

# How many engines on each host:
# c.SSHEngineSetLauncher.engines = {"node1": 4, "me@node2": 4}
# c.Cluster.python = "/opt/python/bin/python3"
# c.Cluster.environment = {"OMP_NUM_THREADS": "1"}
