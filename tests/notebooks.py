"""The notebooks of `docs/`, run in a kernel, and what they have shown.

`python -m tests.notebooks docs/notebooks/*.ipynb` runs notebooks and keeps in them what
they show, without what differs from run to run; `--into FOLDER` keeps it there. A cell
with the tag `varies` is run, and what it shows is not compared.
"""

from __future__ import annotations

import argparse
import re
import socket
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

__all__ = ["VARIES", "executed", "told"]

#: The tag of a cell that shows something else each time.
VARIES = "varies"
#: Seconds that a cell may take on a busy machine.
TIMEOUT = 100
#: What is shown by a widget's number cannot be shown again.
WIDGET = "application/vnd.jupyter.widget-view+json"


def executed(path: Path, folder: Path) -> Any:
    """Return a notebook as it is after all its cells were run in a folder.

    A cell that raises ends it, unless it has the tag `raises-exception`.
    """
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=TIMEOUT, kernel_name="python3", resources=resources
    ).execute()
    return notebook


def told(cell: Any) -> list[tuple[str, str]]:
    """Return the text that a cell has shown: not its bars, tables and warnings."""
    found: list[tuple[str, str]] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream" and output.name == "stdout":
            before = found.pop()[1] if found and found[-1][0] == "stdout" else ""
            found.append(("stdout", before + output.text))
        elif output.output_type == "error":
            found.append(("error", f"{output.ename}: {output.evalue}"))
        elif "data" in output and WIDGET not in output.data:
            found.append((output.output_type, output.data.get("text/plain", "")))
    return found


def tidied(notebook: Any) -> Any:
    """Return a notebook without times, widgets, warnings and the names of a machine."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if _is_kept(each)]
            for output in cell.outputs:
                _tidy(output)
    return notebook


def _is_kept(output: Any) -> bool:
    if output.output_type == "stream":
        return bool(output.name == "stdout")
    return WIDGET not in output.get("data", {})


def _tidy(output: Any) -> None:
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
    data = output.get("data", {})
    for kind in [kind for kind in data if kind.startswith("text/")]:
        text = data[kind].replace(socket.gethostname(), "laptop")
        data[kind] = re.sub(r"<td>\d{4,}</td>", "<td>12345</td>", text)  # a pid


def main() -> None:
    """Run notebooks, and keep what they show."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--into", type=Path, help="a folder, in place of where each is")
    parser.add_argument("notebooks", type=Path, nargs="+")
    asked = parser.parse_args()
    for path in asked.notebooks:
        place = asked.into / path.name if asked.into else path
        nbformat.write(tidied(executed(path, Path.cwd())), place)


if __name__ == "__main__":
    main()
