"""Malformed messages by the million, beside a client that works: `scripts/fuzz`."""
