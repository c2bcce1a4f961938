"""Faults at random moments, under a mixed load: what `scripts/chaos` runs."""
