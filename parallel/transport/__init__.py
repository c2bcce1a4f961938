"""The one place that knows zmq: sockets, keys, the drain of a loop, files."""
