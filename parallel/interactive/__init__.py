"""The session's side in IPython: magics that run cells on engines."""
