"""Engines as the ranks of one MPI world: `ipcluster start -n 4 --profile=mpi`.

On this host, or on all of a batch job's where mpiexec knows of them.
"""

c = get_config()

c.Cluster.engine_launcher_class = "mpi"

# c.MPILauncher.mpi_cmd = ["srun"]
# c.MPILauncher.mpi_args = ["--oversubscribe"]
# c.Cluster.environment = {"OMP_NUM_THREADS": "1"}
