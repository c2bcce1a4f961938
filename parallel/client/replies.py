"""What executed code gives: a reply that notebooks can show."""

from __future__ import annotations

from typing import Any

from ..errors import ParallelError
from ..protocol.terms import Terms
from ..protocol.views import without_view
from .connection import Connection
from .deliveries import Delivered
from .frontend import in_notebook
from .metadata import KEYS, Metadata
from .names import named_value
from .results import AsyncResult
from .screen import publish

__all__ = ["ExecuteReply", "ExecuteResult"]

#: So much of a value is in a reply's repr.
SHORT = 32

_MIME_TYPES = {
    "_repr_html_": "text/html",
    "_repr_latex_": "text/latex",
    "_repr_markdown_": "text/markdown",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
}


class ExecuteReply:
    """How the execution of code on one engine ended.

    All that is known of the task is here too, as attributes and items: `stdout`,
    `outputs`, `engine_id` … The value of its last expression is shown as IPython shows
    values.
    """

    def __init__(self, execution_count: int, metadata: Metadata) -> None:
        #: How many times the engine has executed something that was not silent.
        self.execution_count = execution_count
        #: The facts of its task.
        self.metadata = metadata

    @property
    def data(self) -> dict[str, Any]:
        """The value of the last expression, in forms by mime type."""
        found: dict[str, Any] = (self.execute_result or {}).get("data", {})
        return found

    @property
    def source(self) -> str:
        """The code."""
        return self.metadata.execute_input or ""

    def __getitem__(self, key: str) -> Any:
        return self.metadata[key]

    def __getattr__(self, name: str) -> Any:
        if name in _MIME_TYPES:
            return self._form(name)
        if name.startswith("_") or name not in KEYS:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        return self.metadata[name]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *KEYS})

    def _form(self, name: str) -> Any:
        kind = _MIME_TYPES[name]
        if kind not in self.data:
            raise AttributeError(f"there is no {kind} of {self!r}")
        metadata = (self.execute_result.get("metadata") or {}).get(kind)
        value = self.data[kind]
        return lambda: (value, metadata) if metadata else value

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        found = self.execute_result or {}
        data = dict(self.data)
        if "text/plain" in data:  # IPython prefers this to _repr_pretty_
            data["text/plain"] = self._plain()
        return data, dict(found.get("metadata") or {})

    def _plain(self) -> str:
        text = str(self.data.get("text/plain", ""))
        return named_value(self.metadata.engine_id, self.execution_count, text)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self._plain())

    def display(self) -> None:
        """Show the value: richly in IPython, as text elsewhere."""
        if self.execute_result is not None:
            publish(self.execute_result, self.metadata.engine_id)

    def __repr__(self) -> str:
        text = str(self.data.get("text/plain", ""))
        if len(text) > SHORT:
            text = text[: SHORT - 3] + "..."
        return f"<ExecuteReply[{self.execution_count}]: {text}>"


class ExecuteResult(AsyncResult):
    """The result of code: each value is an `ExecuteReply`.

    That of silent code has no value to show, and 0 for its count.

    Parameters
    ----------
    code
        What is executed: `execute_input` in its metadata.
    """

    _method = "execute"

    def __init__(
        self, connection: Connection, fname: str, *, single: bool, count: int = 1,
        terms: Terms | None = None, code: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(connection, fname, single=single, count=count, terms=terms)
        self.tell(execute_input=code)
        self._found: dict[int, dict[str, Any]] = {}
        #: What engines told of their tasks, before a reply is made of it.
        self._answers: dict[int, Any] = {}

    def _answer(self, index: int, delivered: Delivered) -> Any:
        """Return what an engine told of a task, or the error that stands for it."""
        if index not in self._answers:
            self._answers[index] = super()._unpack(index, delivered)
        return self._answers[index]

    def _unpack(self, index: int, delivered: Delivered) -> Any:
        value = self._answer(index, delivered)
        if value is None:  # silent: the engine tells only that it is done
            value = {"execution_count": 0}
        if not isinstance(value, dict) or "execution_count" not in value:
            return value
        count = value["execution_count"]
        found = value.get("execute_result")
        if found is not None and not in_notebook():
            found = {**found, "data": without_view(found["data"])}
        if found is not None:
            found = self._found[index] = {**found, "execution_count": count}
        facts = super()._facts(index)
        facts["execute_result"] = found
        return ExecuteReply(count, facts)

    def _has_value(self, index: int) -> bool:
        # A reply and its facts take thrice as long, and most cells have no value.
        delivered = self._delivered[index]
        told = None if delivered is None else self._answer(index, delivered)
        return isinstance(told, dict) and told.get("execute_result") is not None

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception that `get` would raise, or None: see `Whole`."""
        if not (self._missing or self._failed or self._failure or self.cancelled()):
            outcomes = enumerate(self._delivered)
            told = [self._answer(i, each) for i, each in outcomes if each is not None]
            if not any(isinstance(each, ParallelError) for each in told):
                return None
        return super().exception(timeout)

    def _facts(self, index: int) -> Metadata:
        if self._delivered[index] is not None:
            self._value(index)
        facts = super()._facts(index)
        facts["execute_result"] = self._found.get(index)
        return facts
