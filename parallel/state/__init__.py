"""Machines without I/O: an event and the time in, actions out."""
