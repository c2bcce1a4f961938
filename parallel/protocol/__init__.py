"""Values on the wire, and pure functions on them."""
