"""Where processes run: on this host, by mpiexec, over ssh, through batch systems."""
