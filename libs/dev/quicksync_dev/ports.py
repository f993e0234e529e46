"""Finds free ports."""

import random
import socket

CANDIDATES = range(20_000, 32_000)
"""Below the kernel's ephemeral range, so that no outgoing connection takes a port between choice and use."""

TRIES = 200


def free_port() -> int:
    """Return a free port on the loopback. Raise OSError if none is found."""
    for _ in range(TRIES):
        port = random.choice(CANDIDATES)
        if is_free(port):
            return port
    raise OSError("no free port on 127.0.0.1")


def is_free(port: int) -> bool:
    """Return whether a server can listen on this port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
