"""A session and an engine, each a Python process of its own with its own `__main__`.

Run as a program, this file is such a process: it does what it reads, and says what
came of it. `Process` is the other end.
"""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from tests import ROOT


class Raised(Exception):
    """What was raised there: its type's name, and its message."""


class Process:
    """Another Python process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def _ask(self, verb: str, *args: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((verb, args), self._process.stdin)
        self._process.stdin.flush()
        raised, value = pickle.load(self._process.stdout)
        if raised:
            raise Raised(value)
        return value

    def begin(self) -> None:
        """Begin with a fresh `__main__`."""
        self._ask("begin")

    def run(self, source: str) -> None:
        """Run source text in `__main__`."""
        self._ask("run", textwrap.dedent(source))

    def value(self, expression: str) -> Any:
        """Return the value of an expression, which plain pickle must be able to."""
        return self._ask("value", expression)

    def pack(self, expression: str) -> bytes:
        """Return a function, packed."""
        packed: bytes = self._ask("pack", expression)
        return packed

    def call(self, packed: bytes, *args: Any) -> Any:
        """Return what a packed function returns."""
        return self._ask("call", packed, args)

    def bind(self, packed: bytes, name: str) -> None:
        """Unpack a function and give it a name in `__main__`."""
        self._ask("bind", packed, name)


@contextlib.contextmanager
def open_process() -> Iterator[Process]:
    """Start a process; end it when the block is left."""
    with subprocess.Popen(
        [sys.executable, __file__],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        yield Process(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


class Server:
    """The other end."""

    def begin(self) -> None:
        """Make a fresh `__main__`."""
        sys.modules["__main__"] = types.ModuleType("__main__")

    @property
    def names(self) -> dict[str, Any]:
        """The globals of `__main__`."""
        return vars(sys.modules["__main__"])

    def run(self, source: str) -> None:
        """Run source text."""
        exec(compile(source, "<session>", "exec", dont_inherit=True), self.names)

    def value(self, expression: str) -> Any:
        """Evaluate an expression."""
        return eval(expression, self.names)

    def pack(self, expression: str) -> bytes:
        """Pack a function."""
        from parallel.serialize.callables import pack_function

        return pack_function(self.value(expression)).code

    def call(self, packed: bytes, args: tuple[Any, ...]) -> Any:
        """Call a packed function."""
        from parallel.serialize.callables import unpack_function

        return unpack_function(packed)(*args)

    def bind(self, packed: bytes, name: str) -> None:
        """Unpack a function under a name."""
        from parallel.serialize.callables import unpack_function

        self.names[name] = unpack_function(packed)

    def serve(self, questions: BinaryIO, answers: BinaryIO) -> None:
        """Answer until nobody asks any more."""
        while True:
            try:
                verb, args = pickle.load(questions)
            except EOFError:
                return
            pickle.dump(outcome(getattr(self, verb), args), answers)
            answers.flush()


def outcome(do: Callable[..., Any], args: tuple[Any, ...]) -> tuple[bool, Any]:
    """Return whether a call raised, and its value or what it raised."""
    try:
        value = do(*args)
        pickle.dumps(value)
    except BaseException as error:
        return True, f"{type(error).__name__}: {error}"
    return False, value


if __name__ == "__main__":
    Server().serve(sys.stdin.buffer, sys.stdout.buffer)
