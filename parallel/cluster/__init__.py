"""Processes: where they are started, watched and stopped."""
