"""Solve the wave equation on a membrane that is cut into strips, one for each engine.

The engines connect to their neighbours by sockets of their own and exchange the rows at
their borders after every time step; nothing of that passes through the client. Prints
the size of the problem and of the strips. The whole membrane, computed here by the same
function, has to be the same to the last bit. Needs numpy.
"""

import secrets
from argparse import SUPPRESS, ArgumentParser
from multiprocessing import connection

import numpy as np

import parallel as ipp

SIZE = 120
STEPS = 150
COURANT2 = 0.4  # (speed × time step / mesh width)², below 0.5 to be stable


def listen(key):
    """Open a socket for the neighbour above; return its address."""
    global listener
    listener = connection.Listener(("127.0.0.1", 0), authkey=key)
    return listener.address


def connect(rank, addresses, key):
    """Connect to the neighbour below, then let the one above connect."""
    global above, below
    last = len(addresses) - 1
    below = connection.Client(addresses[rank + 1], authkey=key) if rank < last else None
    above = listener.accept() if rank > 0 else None
    listener.close()


def disconnect():
    """Close the sockets."""
    for neighbour in filter(None, (above, below)):
        neighbour.close()


def advance(strip, steps, above=None, below=None):
    """Return a strip of the membrane, at rest at first, after so many time steps."""
    u = np.pad(strip, ((1, 1), (0, 0)))  # with the rows beyond its borders, or zeros
    before = u.copy()
    for _ in range(steps):
        # A row fits into a socket's buffer: everybody may send first, and then receive.
        if above:
            above.send(u[1])
        if below:
            below.send(u[-2])
        if above:
            u[0] = above.recv()
        if below:
            u[-1] = below.recv()
        after = np.zeros_like(u)
        around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
        here = u[1:-1, 1:-1]
        after[1:-1, 1:-1] = (
            2 * here - before[1:-1, 1:-1] + COURANT2 * (around - 4 * here)
        )
        before, u = u, after
    return u[1:-1]


def main(rc):
    """Share out the membrane, let it swing, and collect it."""
    x = np.linspace(0, 1, SIZE)
    membrane = np.exp(-80 * ((x[:, None] - 0.3) ** 2 + (x - 0.6) ** 2))
    membrane[:, [0, -1]] = 0  # it is held at its edges

    dview = rc[:]
    dview.block = True
    key = secrets.token_bytes(16)
    dview.scatter("rank", range(len(rc)), flatten=True)
    addresses = dview.apply(listen, key)
    dview.apply(connect, ipp.Reference("rank"), addresses, key)

    dview.scatter("strip", membrane)
    dview.push({"advance": advance, "steps": STEPS})
    dview.execute("strip = advance(strip, steps, above, below)")
    result = dview.gather("strip")
    rows = dview.pull("len(strip)")
    dview.apply(disconnect)

    serial = advance(membrane, STEPS)
    print(f"{SIZE} × {SIZE} points, {STEPS} steps, strips of {rows} rows")
    assert np.abs(serial).max() > 0.05, "it still swings"
    assert np.array_equal(result, serial)
    print("equal to the serial run, bit by bit")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, argument_default=SUPPRESS)
    parser.add_argument("--profile", help="of a cluster that is running")
    parser.add_argument("--cluster-id", help="of one in this profile")
    asked = vars(parser.parse_args())
    with ipp.Client(**asked) if asked else ipp.Cluster(n=4) as rc:
        main(rc)
