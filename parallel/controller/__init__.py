"""The controller: one process, one loop, one socket."""
