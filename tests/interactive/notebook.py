"""A notebook's kernel, and what stands in its cells: as a front end has it."""

from __future__ import annotations

import os
import queue
import re
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop

from tests import ROOT

__all__ = ["Notebook", "plain"]

#: Seconds that anything may take on a machine that others use.
PATIENCE = 90
#: Bars that are widgets fill up with it, so that they do not jump.
FIGURE_SPACE = "\u2007"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def plain(shown: str) -> str:
    """Return what is shown without its colours."""
    return _COLOUR.sub("", shown)


class Notebook:
    """A front end of a kernel, whose user answers what they are asked.

    Parameters
    ----------
    folder
        Where it runs.
    """

    def __init__(self, folder: Path) -> None:
        self._manager = KernelManager(connection_file=str(folder / "kernel.json"))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._manager.start_kernel(cwd=str(folder), env=environment)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)
        self._shown: list[dict[str, Any]] = []
        #: The forms of what the cell displays.
        self.kinds: set[str] = set()
        #: What the cell has asked.
        self.prompts: list[str] = []
        #: What its widgets say by now, by their names: a bar's are three.
        self.widgets: dict[str, str] = {}
        #: What comms have said, of any cell: kinds and contents.
        self.comms: list[tuple[str, dict[str, Any]]] = []
        #: What each of that was the answer to.
        self.answered: list[str] = []
        #: What was printed, below any cell.
        self.printed = ""
        self._is_to_clear = False
        self._request = ""

    def run(self, cell: str, *answers: str) -> str:
        """Run a cell; return what stands below it in the end."""
        self.start(cell)
        return self.end(*answers)

    def start(self, cell: str) -> None:
        """Begin to run a cell."""
        self._shown, self._is_to_clear = [], False
        self.kinds, self.prompts = set(), []
        self.widgets, self.comms, self.answered = {}, [], []
        self._request = self._client.execute(
            cell, allow_stdin=True, stop_on_error=False
        )

    def wait_for(self, text: str) -> None:
        """Wait until something stands below the cell."""
        deadline = monotonic() + PATIENCE
        while text not in self.text:
            assert monotonic() < deadline, self.text
            assert not self._read([]), self.text

    def wait_for_bar(self, text: str) -> None:
        """Wait until a bar says this, if only after the cell has ended."""
        deadline = monotonic() + PATIENCE
        while not any(text in each for each in (self.text, *self.widgets.values())):
            assert monotonic() < deadline, (self.text, self.widgets)
            self._read([])

    def say(self, comm: str, data: dict[str, Any]) -> str:
        """Say something to a comm, as a widget does; return the id of the message."""
        session = self._client.session
        message = session.msg("comm_msg", {"comm_id": comm, "data": data})
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def open(self, comm: str, target: str, version: str) -> None:
        """Open a comm from the front end's side."""
        content = {"comm_id": comm, "target_name": target, "data": {}}
        message = self._client.session.msg(
            "comm_open", content, metadata={"version": version}
        )
        self._client.shell_channel.send(message)

    def wait_until(self, done: Callable[[], object]) -> None:
        """Wait until something is so of what comms say, and stands below the cell."""
        deadline = monotonic() + PATIENCE
        while not done():
            assert monotonic() < deadline, (self.comms, self.text)
            self._read([])

    def end(self, *answers: str) -> str:
        """Wait until the cell has ended; return what stands below it."""
        left, deadline = list(answers), monotonic() + PATIENCE
        while not self._read(left):
            assert monotonic() < deadline, self.text
        assert not left
        return self.text

    def complete(self, typed: str) -> list[str]:
        """Press Tab; return what is offered.

        Parameters
        ----------
        typed
            The cell so far; the cursor stands where there is a `¦`, or else behind it.
        """
        at = typed.find("¦")
        answer: dict[str, Any] = self._client.complete(
            typed.replace("¦", ""), len(typed) if at < 0 else at,
            reply=True, timeout=PATIENCE,
        )  # fmt: skip
        assert answer["content"]["status"] == "ok"
        return list(answer["content"]["matches"])

    def stop(self, way: str = "signal") -> None:
        """Press the stop button.

        Parameters
        ----------
        way
            How the kernel hears of it, as its specification says: by a `message` on the
            control channel, or by a signal.
        """
        assert self._manager.kernel_spec is not None
        self._manager.kernel_spec.interrupt_mode = way
        self._manager.interrupt_kernel()

    @property
    def text(self) -> str:
        """What stands below the cell."""
        return "".join(each["text"] for each in self._shown)

    def _read(self, answers: list[str]) -> bool:
        """Take in what comes, for a moment; tell whether the cell has ended."""
        if self._client.stdin_channel.msg_ready():
            asked = self._client.get_stdin_msg(timeout=0)
            # Not among what is shown: that comes by another channel, in its own time.
            self.prompts.append(asked["content"]["prompt"])
            self._client.input(answers.pop(0))
        try:
            told = self._client.get_iopub_msg(timeout=0.05)
        except queue.Empty:
            return False
        if told["msg_type"].startswith("comm_"):
            self.comms.append((told["msg_type"], told["content"]))
            self.answered.append(told["parent_header"].get("msg_id", ""))
        if told["msg_type"] == "stream":
            self.printed += told["content"]["text"]
        if told["parent_header"].get("msg_id") != self._request:
            return False
        content, kind = told["content"], told["msg_type"]
        if kind == "stream":
            self._show(content["text"])
        elif kind in ("display_data", "execute_result"):
            self.kinds.update(content["data"])
            self._show(_text_of(content), content.get("transient", {}))
        elif kind == "error":
            self._show("\n".join(content["traceback"]) + "\n")
        elif kind == "clear_output":
            self._is_to_clear = True
            if not content["wait"]:
                self._show("")
        elif kind in ("comm_open", "comm_msg"):
            state = content["data"].get("state", {})
            if isinstance(state.get("value"), str):
                text = state["value"].replace(FIGURE_SPACE, " ")
                self.widgets[content["comm_id"]] = text
        elif kind == "update_display_data":
            for each in self._shown:
                if each["id"] == content["transient"]["display_id"]:
                    each["text"] = _text_of(content)
        return bool(kind == "status" and content["execution_state"] == "idle")

    def _show(self, text: str, transient: dict[str, Any] | None = None) -> None:
        if self._is_to_clear:
            self._shown, self._is_to_clear = [], False
        name = (transient or {}).get("display_id")
        self._shown.append({"text": text, "id": name})

    def close(self) -> None:
        """End the kernel."""
        self._client.stop_channels()
        self._manager.shutdown_kernel()
        self._manager.cleanup_resources()
        ensure_event_loop().close()  # the next one makes another


def _text_of(content: dict[str, Any]) -> str:
    return f"{content['data'].get('text/plain', '')}\n"
