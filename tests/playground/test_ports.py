"""Ports for servers: a long run, whose earlier servers' ports still rest, gets others."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress

from playground.serving import BLOCK, free_port


def test_a_process_that_used_up_its_block_takes_another() -> None:
    """However many ports of the block cannot be bound for now, the next one drawn can."""
    with ExitStack() as stack:
        drawn = set()
        for _ in range(2 * BLOCK):
            port = free_port()
            drawn.add(port)
            held = stack.enter_context(socket.socket())
            with suppress(OSError):
                held.bind(("127.0.0.1", port))
        assert len(drawn) == 2 * BLOCK
