"""Doors from other libraries to a cluster."""
