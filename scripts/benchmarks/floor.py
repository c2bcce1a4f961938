"""The floor: a bare ROUTER between one client and its workers, with pickle.

This is about the least that a client, a dispatcher and workers in processes of
their own can do in Python over ZeroMQ: no ids beyond a number, no records, no
errors, no recovery.  What it reaches on a machine is what our figures are held
against.  It batches: tasks travel as the frames of one message, as many as the
client had at hand and as a worker may hold.

    client  → dispatcher   target, depth, task, task, …
    dispatcher → worker    task, task, …
    worker  → dispatcher   result, result, …      (one that is empty: I am here)
    dispatcher → client    result, result, …

A target is a worker's name, ``every`` worker, or ``any`` of them; depth says how
many tasks a worker may hold at a time.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

ANY = b"any"
EVERY = b"every"
CLIENT = b"client"
HERE = [b""]

#: The most messages taken in before anything is sent on.
DRAINED = 200

#: Public and secret key of one end; None where the line is not encrypted.
Keys = tuple[bytes, bytes] | None


def dispatch(
    endpoint: str, workers: int, keys: Keys, announce: Callable[[str], object]
) -> None:
    """Pass tasks to workers and results to the client, until killed."""
    socket = open_socket(zmq.ROUTER)
    if keys:
        socket.curve_server, (socket.curve_publickey, socket.curve_secretkey) = 1, keys
    socket.bind(endpoint)
    announce(socket.getsockopt_string(zmq.LAST_ENDPOINT))
    names = [b"%d" % number for number in range(workers)]
    queues: dict[bytes, deque[bytes]] = {name: deque() for name in (ANY, *names)}
    held: dict[bytes, int] = {}
    depth = 1
    while socket.poll():
        results: list[bytes] = []
        for _ in range(DRAINED):
            try:
                sender, *frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            if sender == CLIENT:
                target, depth = frames[0], int(frames[1])
                for name in names if target == EVERY else [target]:
                    queues[name].extend(frames[2:])
            elif frames == HERE:
                held[sender] = 0
            else:
                held[sender] -= len(frames)
                results += frames
        if results:
            socket.send_multipart([CLIENT, *results])
        assign(socket, queues, held, depth)


def assign(
    socket: zmq.Socket[bytes],
    queues: dict[bytes, deque[bytes]],
    held: dict[bytes, int],
    depth: int,
) -> None:
    """Send each worker its own tasks, and its share of those for any worker."""
    common = queues[ANY]
    share = -(-len(common) // max(1, len(held)))
    for name, count in held.items():
        tasks = list(queues[name])
        queues[name].clear()
        if count <= depth // 2:
            fair = min(len(common), depth - count, share)
            tasks += [common.popleft() for _ in range(fair)]
        if tasks:
            socket.send_multipart([name, *tasks])
            held[name] = count + len(tasks)


def work(endpoint: str, name: bytes, server: bytes | None) -> None:
    """Run what comes and answer, until killed."""
    socket = connect(endpoint, name, server)
    socket.send_multipart(HERE)
    while True:
        replies = []
        for task in socket.recv_multipart():
            number, function, arguments = pickle.loads(task)
            replies.append(pickle.dumps((number, function(*arguments)), protocol=5))
        socket.send_multipart(replies)


def connect(endpoint: str, name: bytes, server: bytes | None) -> zmq.Socket[bytes]:
    """Return a blocking DEALER of this name, connected; `server` is a public key."""
    socket = open_socket(zmq.DEALER)
    socket.routing_id = name
    if server:
        socket.curve_serverkey = server
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
    socket.connect(endpoint)
    return socket


def open_socket(kind: int) -> zmq.Socket[bytes]:
    """Return a socket that neither drops nor limits messages."""
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    socket.linger = socket.sndhwm = socket.rcvhwm = 0
    return socket


class Caller:
    """The client's end: submits calls, one number each, and waits for results."""

    def __init__(self, endpoint: str, server: bytes | None = None) -> None:
        self.socket = connect(endpoint, CLIENT, server)
        self.number = 0
        self.waiting: list[bytes] = []

    def submit(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Pack one call; it leaves with `flush`."""
        call = (self.number, function, arguments)
        self.waiting.append(pickle.dumps(call, protocol=5))
        self.number += 1

    def flush(self, target: bytes = ANY, depth: int = 1) -> None:
        """Send the calls packed so far, as one message."""
        self.socket.send_multipart([target, b"%d" % depth, *self.waiting])
        self.waiting.clear()

    def collect(self, count: int) -> list[Any]:
        """Wait for so many results and return them in the order of their numbers."""
        results: list[Any] = []
        while len(results) < count:
            results += map(pickle.loads, self.socket.recv_multipart())
        return [value for _, value in sorted(results, key=lambda pair: pair[0])]
