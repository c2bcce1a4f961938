"""The five sockets of a Jupyter kernel, and its signed messages.

They are described at https://jupyter-client.readthedocs.io/en/stable/messaging.html.
One thread reads and writes them; others leave what they have to say in its outbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections import deque
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import zmq

from .endpoints import new_context
from .sockets import Socket

__all__ = ["VERSION", "Said", "Wire"]

#: Of Jupyter's messages.
VERSION = "5.3"
_DELIMITER = b"<IDS|MSG>"
_CHANNELS = {
    "shell": zmq.ROUTER,
    "control": zmq.ROUTER,
    "stdin": zmq.ROUTER,
    "iopub": zmq.PUB,
    "hb": zmq.REP,
}
_FIRST_PARTS = 5


class Said(NamedTuple):
    """A message that came: on which channel, from whom, and what it says."""

    channel: str
    idents: list[bytes]
    header: dict[str, Any]
    content: dict[str, Any]

    @property
    def kind(self) -> str:
        """What it is: `execute_request`, for instance."""
        return str(self.header.get("msg_type", ""))


class Wire:
    """Binds the sockets, and writes the file that tells clients of them.

    Parameters
    ----------
    path
        Of the connection file, which only its owner can read.
    ip
        Where to listen by TCP; if empty, in a folder that only its owner can enter.
    """

    def __init__(self, path: Path, ip: str, folder: Path) -> None:
        self._key = secrets.token_hex(32)
        self._session = uuid4().hex
        self._context = new_context(encrypted=False)
        self._sockets: dict[str, Socket] = {}
        self._poller = zmq.Poller()
        self._outbox: deque[tuple[str, list[bytes]]] = deque()
        self._wakeup = os.pipe()
        for end in self._wakeup:
            os.set_blocking(end, False)
        self._poller.register(self._wakeup[0], zmq.POLLIN)
        base = str(folder / "kernel")
        info: dict[str, Any] = {
            "transport": "tcp" if ip else "ipc",
            "ip": ip or base,
            "key": self._key,
            "signature_scheme": "hmac-sha256",
            "kernel_name": "parallel",
        }
        try:
            for number, (name, kind) in enumerate(_CHANNELS.items(), 1):
                socket = self._sockets[name] = self._context.socket(kind)
                socket.setsockopt(zmq.LINGER, 0)
                port = number
                if ip:
                    port = socket.bind_to_random_port(f"tcp://{ip}")
                else:
                    socket.bind(f"ipc://{base}-{number}")
                info[f"{name}_port"] = port
                if kind != zmq.PUB:
                    self._poller.register(socket, zmq.POLLIN)
            _write(path, info)
        except (OSError, zmq.ZMQError):
            self.close()
            raise

    def wait(self, seconds: float) -> list[Said]:
        """Send what is to be sent, and return what comes within a time."""
        self._flush()
        ready = dict(self._poller.poll(int(seconds * 1000)))
        if self._wakeup[0] in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wakeup[0], 512)
        came = []
        for name, socket in self._sockets.items():
            if socket not in ready:
                continue
            parts = socket.recv_multipart()
            if name == "hb":
                socket.send_multipart(parts)
            elif (said := self._read(name, parts)) is not None:
                came.append(said)
        self._flush()
        return came

    def _flush(self) -> None:
        while self._outbox:
            name, parts = self._outbox.popleft()
            self._sockets[name].send_multipart(parts)

    def _read(self, name: str, parts: list[bytes]) -> Said | None:
        """Return what a message says, if it is signed with our key."""
        if _DELIMITER not in parts:
            return None
        at = parts.index(_DELIMITER)
        signature, *signed = parts[at + 1 : at + 1 + _FIRST_PARTS]
        if len(signed) < _FIRST_PARTS - 1:
            return None
        if not hmac.compare_digest(signature, self._sign(signed)):
            return None
        try:
            header, _, _, content = map(json.loads, signed)
        except ValueError:
            return None
        if not isinstance(header, dict) or not isinstance(content, dict):
            return None
        return Said(name, parts[:at], header, content)

    def _sign(self, parts: list[bytes]) -> bytes:
        digest = hmac.new(self._key.encode(), digestmod=hashlib.sha256)
        for part in parts:
            digest.update(part)
        return digest.hexdigest().encode()

    def say(
        self,
        channel: str,
        kind: str,
        content: dict[str, Any],
        parent: dict[str, Any],
        idents: list[bytes] | None = None,
    ) -> None:
        """Leave a message to be sent; from any thread."""
        header = {
            "msg_id": uuid4().hex,
            "session": self._session,
            "username": "engine",
            "date": datetime.now(timezone.utc).isoformat(),
            "msg_type": kind,
            "version": VERSION,
        }
        texts = [header, parent, {}, content]
        signed = [json.dumps(each, default=str).encode() for each in texts]
        first = idents if idents is not None else [f"kernel.{kind}".encode()]
        self._outbox.append(
            (channel, [*first, _DELIMITER, self._sign(signed), *signed])
        )
        self.wake()

    def wake(self) -> None:
        """End a wait."""
        with contextlib.suppress(OSError):  # it is full, or closed
            os.write(self._wakeup[1], b"w")

    def close(self) -> None:
        """Close all, from the thread that reads it."""
        for socket in self._sockets.values():
            socket.close(0)
        self._context.term()
        for end in self._wakeup:
            os.close(end)


def _write(path: Path, info: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, json.dumps(info, indent=1).encode())
    finally:
        os.close(descriptor)
