"""An engine: its main thread runs users' code, its side thread answers."""
