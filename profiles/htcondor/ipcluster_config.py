"""Engines as jobs of HTCondor: `ipcluster start -n 4 --profile=htcondor`.

The controller runs on the host where that is said. What a site asks for more stands in
comments: `ipcluster profile create NAME --from=htcondor` makes a copy to fill in.
"""

c = get_config()

c.Cluster.engine_launcher_class = "htcondor"

# The controller, too, if the host of the session may not run it:
# c.Cluster.controller_launcher_class = "htcondor"

# c.Cluster.account = "project"
# c.Cluster.walltime = "1:00:00"
# c.Cluster.nodes = 2
# c.Cluster.engines_per_node = 16
# c.Cluster.cores = 1
# c.Cluster.memory = "2GB"
# c.Cluster.prologue = ["module load python", "conda activate work"]
# c.Cluster.environment = {"OMP_NUM_THREADS": "1"}
