"""Job scripts: texts with `{fields}`, which may be expressions."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from ...errors import LauncherError

__all__ = ["render"]


def render(
    template: str, fields: Mapping[str, Any], directive: str | None = None
) -> str:
    """Return a template with its fields filled in.

    A field is a name, or an expression of names such as `{n // 4}`; a brace of the
    shell's is written twice, `${{HOME}}`. One that has no value is empty, and a line
    of directives with such a field is left out.

    Parameters
    ----------
    template
        The text.
    fields
        The values, by name.
    directive
        What lines of directives begin with, such as `#SBATCH`; None if there are none.

    Raises
    ------
    LauncherError
        The template cannot be read, or has a field that there is not: which, in which
        line.
    """
    lines = []
    for number, line in enumerate(template.splitlines(), 1):
        try:
            text, complete = _fill(line, fields)
        except Exception as error:
            raise LauncherError(_explain(number, line, fields, error)) from error
        if complete or directive is None or not line.lstrip().startswith(directive):
            lines.append(text)
    return "\n".join(lines) + "\n"


def _fill(line: str, fields: Mapping[str, Any]) -> tuple[str, bool]:
    """Return a line with its fields, and whether each of them has a value."""
    parts, complete = [], True
    for text, expression, form, conversion in string.Formatter().parse(line):
        parts.append(text)
        if expression is None:
            continue
        value = eval(expression, {"__builtins__": {}}, dict(fields))
        if value is None or value is False:
            complete = False
            continue
        if conversion:
            value = string.Formatter().convert_field(value, conversion)
        parts.append(format(value, form or ""))
    return "".join(parts), complete


def _explain(
    number: int, line: str, fields: Mapping[str, Any], error: Exception
) -> str:
    if isinstance(error, NameError):
        why = f"there is no field {str(error).split(chr(39))[1]!r}"
    else:
        why = f"{type(error).__name__}: {error}"
    return (
        f"the template of the job script is wrong in line {number}, {line.strip()!r}: "
        f"{why}. There are the fields {', '.join(sorted(fields))}, and a brace that is "
        "the shell's is written twice, as in ${{HOME}}"
    )
