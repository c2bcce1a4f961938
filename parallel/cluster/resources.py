"""What engines have that tasks may take a share of, as an option."""

from __future__ import annotations

import ast
from typing import Any

from traitlets import Dict, Float, List, TraitError

__all__ = ["Resources", "words_of"]


def words_of(resources: list[dict[str, float]], labels: list[str]) -> list[str]:
    """Return the words of a command line that say what engines have."""
    words = [f"--labels={label}" for label in labels]
    if len(resources) > 1:
        return [*words, f"--resources={resources!r}"]
    return words + [f"--resources={k}={v}" for k, v in resources[0].items()]


class Resources(List):  # type: ignore[type-arg] # no generic before traitlets 5.10
    """The amounts that each engine has, from engine to engine and round again.

    One dict is for all engines. On a command line it is `gpu=1`, which may be
    repeated, or either of them as in Python.
    """

    info_text = "amounts such as {'gpu': 1}, or a list of them, from engine to engine"

    def __init__(self, **options: Any) -> None:
        self._one = Dict(value_trait=Float())
        super().__init__(self._one, default_value=[{}], minlen=1, **options)

    def info(self) -> str:
        """Return what it takes, for an error."""
        return self.info_text

    def validate(self, obj: Any, value: Any) -> list[dict[str, float]] | None:
        """Return the value as a list."""
        try:
            return super().validate(obj, [value] if isinstance(value, dict) else value)
        except TraitError:
            self.error(obj, value)

    def from_string(self, s: str) -> Any:
        """Return what a command line says."""
        return self.from_string_list([s])

    def from_string_list(self, s_list: list[str]) -> Any:
        """Return what a command line says that may have said it several times."""
        if len(s_list) == 1 and s_list[0].lstrip()[:1] in ("{", "["):
            return ast.literal_eval(s_list[0].strip())
        return self._one.from_string_list(s_list)
