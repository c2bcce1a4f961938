"""What notebooks show of an object: a heading and a small table, without any style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["Table"]

#: Of longer tables, the first rows are shown, and how many more there are.
ROWS = 16


class Table:
    """A heading, facts by name, and perhaps a grid, as HTML in which all is escaped.

    There are no colours and no style: it looks as the notebook's own tables do, in
    whatever theme.

    Parameters
    ----------
    kind
        What the object is.
    summary
        How it fares, in a few words.
    """

    def __init__(self, kind: str, summary: str = "") -> None:
        self._parts = [f"<div><strong>{escape(kind)}</strong> {escape(summary)}</div>"]

    def add_facts(self, facts: Iterable[tuple[str, object]]) -> Table:
        """Add a row for each name and what it is; return this table."""
        rows = [
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in facts
        ]
        self._add(rows)
        return self

    def add_grid(
        self, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> Table:
        """Add a table with a heading for each column; return this table."""
        lines = [_row("th", columns)] + [_row("td", row) for row in rows[:ROWS]]
        if len(rows) > ROWS:
            more = f"… and {len(rows) - ROWS} more"
            lines.append(f'<tr><td colspan="{len(columns)}">{more}</td></tr>')
        if rows:
            self._add(lines)
        return self

    def _add(self, rows: Sequence[str]) -> None:
        if rows:
            self._parts.append(f"<table>{''.join(rows)}</table>")

    def __str__(self) -> str:
        return "".join(self._parts)


def _row(cell: str, values: Iterable[object]) -> str:
    cells = (f"<{cell}>{escape(str(value))}</{cell}>" for value in values)
    return f"<tr>{''.join(cells)}</tr>"
