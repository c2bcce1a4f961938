"""Engines on this host: `ipcluster start --profile=local`."""

c = get_config()

c.Cluster.engine_launcher_class = "local"

# c.Cluster.n = 4
# c.Cluster.environment = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "[0,1]"}
