"""What a kernel says to its front ends, and what it asks of them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..protocol.views import without_view
from ..transport.jupyter import Said, Wire

__all__ = ["PRINTED_EVERY", "FrontEnds"]

#: While a cell runs, what it prints is looked for this often, seconds.
PRINTED_EVERY = 0.05


class FrontEnds:
    """The consoles and notebooks of a kernel, from its own thread and the main one.

    Parameters
    ----------
    take_text
        Returns what was printed by no task: stdout, stderr.
    """

    def __init__(self, wire: Wire, take_text: Callable[[], tuple[str, str]]) -> None:
        self._wire = wire
        self._take_text = take_text
        #: To what the output belongs: the last cell.
        self.parent: dict[str, Any] = {}
        #: The lines that were asked for.
        self.inputs: queue.Queue[str] = queue.Queue()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def answering(self, said: Said) -> Iterator[None]:
        """Tell that this is busy with a request, and no more."""
        self.tell("status", {"execution_state": "busy"}, said.header)
        try:
            yield
        finally:
            self.tell("status", {"execution_state": "idle"}, said.header)

    def reply(self, said: Said, content: dict[str, Any]) -> None:
        """Answer a request."""
        kind = said.kind.replace("_request", "_reply")
        self._wire.say(said.channel, kind, content, said.header, said.idents)

    def tell(
        self, kind: str, content: dict[str, Any], parent: dict[str, Any] | None = None
    ) -> None:
        """Tell all front ends something, which belongs to the last cell by default."""
        self._wire.say("iopub", kind, content, parent or self.parent)

    def tell_printed(self, texts: tuple[str, str] | None = None) -> None:
        """Tell what was printed of late."""
        with self._lock:  # what was taken first is told first
            for name, text in zip(
                ("stdout", "stderr"), texts or self._take_text(), strict=True
            ):
                if text:
                    self.tell("stream", {"name": name, "text": text})

    def publish(self, kind: str, value: Any) -> bool:
        """Show what a cell displays: see `publishing.Publisher`."""
        if kind == "display" and "into" in value:
            pass  # a mark for who draws widgets
        elif kind == "display":
            self.tell_printed()
            word = "update_display_data" if value.get("update") else "display_data"
            content = {
                key: value[key] for key in ("metadata", "transient") if key in value
            }
            data = without_view(value["data"])  # it has no comms
            self.tell(word, {"transient": {}, **content, "data": data})
        elif kind == "clear":
            self.tell("clear_output", {"wait": value["wait"]})
        return kind in ("display", "clear")

    def ask(self, said: Said | None, prompt: str, *, password: bool) -> str:
        """Ask the user of a request for a line.

        Raises
        ------
        EOFError
            There is nobody to ask.
        """
        if said is None or not said.content.get("allow_stdin"):
            raise EOFError("the front end of this kernel does not take input")
        self.tell_printed()
        while not self.inputs.empty():
            self.inputs.get_nowait()
        asked = {"prompt": prompt, "password": password}
        self._wire.say("stdin", "input_request", asked, said.header, said.idents)
        while True:
            with contextlib.suppress(queue.Empty):  # so that interrupts are heard
                return self.inputs.get(timeout=PRINTED_EVERY)
