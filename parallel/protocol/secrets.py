"""What may be told of values that carry secrets, in errors, logs and tracebacks."""

from __future__ import annotations

import msgspec

__all__ = ["repr_without"]


def repr_without(struct: msgspec.Struct, *hidden: str) -> str:
    """Return the repr of a struct in which some fields are not told.

    Parameters
    ----------
    hidden
        The names of those fields.
    """
    fields = (
        f"{name}={'…' if name in hidden else repr(getattr(struct, name))}"
        for name in struct.__struct_fields__
    )
    return f"{type(struct).__name__}({', '.join(fields)})"
