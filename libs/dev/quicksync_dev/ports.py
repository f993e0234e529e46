"""Finds free ports and reserves them, so that no other launcher or test chooses the same ones."""

import os
import random
import socket
import sys
from collections import deque

CANDIDATES = range(20_000, 32_000)
"""Below the kernel's ephemeral range, so that no outgoing connection takes a port between choice and use."""

TRIES = 200

MOST_RESERVED = 256
"""A launcher reserves a dozen ports. A test process starts many systems and must not run out of file descriptors."""

_reserved: deque[int] = deque()
"""The file descriptors of the sockets that reserve ports. The kernel closes them when this process ends."""


def free_port() -> int:
    """Return a free port on the loopback, reserved while this process lives. Raise OSError if none is found."""
    for _ in range(TRIES):
        port = random.choice(CANDIDATES)
        if reserve(port):
            return port
    raise OSError("no free port on 127.0.0.1")


def reserve(port: int) -> bool:
    """Reserve a port for servers of this process' choice. Return False if it is in use, reserved or just was in use.

    The reservation is a bound socket that does not listen. Its bind is exclusive, so only one process succeeds. With
    SO_REUSEADDR set afterwards, Linux lets servers listen on the port, which set that option too.
    """
    with socket.socket() as holder:
        try:
            holder.bind(("127.0.0.1", port))
        except OSError:
            return False
        # Other kernels refuse the server while the holder is bound; there the port is only checked.
        if sys.platform == "linux":
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _keep(holder.detach())
    return True


def _keep(holder: int) -> None:
    _reserved.append(holder)
    if len(_reserved) > MOST_RESERVED:
        os.close(_reserved.popleft())


def is_free(port: int) -> bool:
    """Return whether a server can listen on this port of the loopback. It may be reserved."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
