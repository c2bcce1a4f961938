"""Carry the frames of a cable with a delay: for kernels that cannot do it themselves.

    python delay.py NEAR FAR MILLISECONDS

It makes two tap devices of these names, and what goes into one comes out of the other,
in order, so much later. They go with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

#: From linux/if_tun.h: set an interface; it is for frames, without a header of its own.
SET_INTERFACE, FRAMES = 0x400454CA, 0x1002
LARGEST = 1 << 16


def make_tap(name: str) -> int:
    """Make a tap device; return what its frames are read from and written to."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(
        descriptor, SET_INTERFACE, struct.pack("16sH22x", name.encode(), FRAMES)
    )
    return descriptor


def carry(near: int, far: int, seconds: float) -> None:
    """Carry frames both ways for ever."""
    on_way: deque[tuple[float, int, bytes]] = deque()
    other = {near: far, far: near}
    while True:
        left = max(0.0, on_way[0][0] - time.monotonic()) if on_way else None
        readable, _, _ = select.select(list(other), [], [], left)
        due = time.monotonic() + seconds
        for end in readable:
            try:
                while True:
                    on_way.append((due, other[end], os.read(end, LARGEST)))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while on_way and on_way[0][0] <= now:
            _, end, frame = on_way.popleft()
            with contextlib.suppress(OSError):  # it is down: lost, as by a cable
                os.write(end, frame)


if __name__ == "__main__":
    near, far = (make_tap(name) for name in sys.argv[1:3])
    print("up", flush=True)
    carry(near, far, float(sys.argv[3]) / 1000)
