"""A kernel that a Qt console has started, which changes lines of text and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import picture
from tests.integration.scripts import run_script

pytestmark = pytest.mark.slow

#: Its arguments say that it is a Qt console, as far as a kernel can know.
CONSOLE = """
import json
import os
import pathlib
import sys

from jupyter_client.manager import KernelManager

sys.path.insert(0, {root!r})
manager = KernelManager(connection_file=str(pathlib.Path("kernel.json").absolute()))
manager.start_kernel(env={{**os.environ, "PYTHONPATH": {root!r}}})
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=90)
shown = ""


def hear(message):
    global shown
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        shown += content["text"]
    elif kind == "display_data":
        shown += content["data"]["text/plain"] + "\\n"
    elif kind.startswith(("comm", "update", "error")):
        shown += str(content)


for cell in {cells!r}:
    client.execute_interactive(cell, output_hook=hear, timeout=90, allow_stdin=False)
client.stop_channels()
manager.shutdown_kernel(now=True)
manager.cleanup_resources()
print(json.dumps(shown))
"""
BEGIN = "import parallel\nrc = parallel.Cluster(n=2).start_and_connect_sync()"
END = "rc.cluster.stop_cluster_sync()"


def shown_by(tmp_path: Path, *cells: str) -> list[str]:
    """Return the lines that a Qt console shows of some cells."""
    root = str(Path(__file__).parents[2])
    script = CONSOLE.format(root=root, cells=[BEGIN, *cells, END])
    shown = json.loads(run_script(tmp_path, script, "--as=qtconsole"))
    assert "\x1b[J" not in shown, "it would erase all that stands there"
    lines = picture.drawn(shown.replace("\n", "\r\n")).split("\n")
    return [line.rstrip() for line in lines if line.strip()]


def test_bars_are_lines_that_move(tmp_path: Path) -> None:
    bars = (
        "%%px --progress-after 0\nimport time\nfrom tqdm import tqdm\n"
        "for _ in tqdm(range(5), mininterval=0):\n    time.sleep(0.05)"
    )
    wait = "rc[:].apply_async(abs, -1).wait_interactive()"
    engine0, engine1, magic, call = shown_by(tmp_path, bars, wait)
    assert engine0.startswith("[stderr:0] 100%|")
    assert engine1.startswith("[stderr:1] 100%|")
    assert magic.startswith("%px: 100%|")
    assert call.startswith("abs: 100%|")


def test_updates_are_shown_anew(tmp_path: Path) -> None:
    cell = (
        "%%px --targets 0\nfrom IPython.display import display\n"
        "shown = display('first', display_id=True)\nshown.update('second')"
    )
    shown = shown_by(tmp_path, cell)
    assert shown == ["[output:0]", "'first'", "[output:0]", "'second'"]
