"""Work for a long time, and clients and engines that come and go: `scripts/soak`."""
