"""Ports that are drawn for servers to come."""

from __future__ import annotations

import multiprocessing
import socket
import subprocess
import sys

from playground.serving import BLOCK, FREE_PORTS, free_port

DRAW = "from playground.serving import free_port; print(*(free_port() for _ in range(50)), flush=True); input()"


def test_no_two_processes_draw_the_same_port() -> None:
    """Neither a process of its own nor a forked one draws what another one that lives has drawn."""
    mine = {free_port() for _ in range(BLOCK)}
    argv = [sys.executable, "-c", DRAW]
    others = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    drawn = [set(map(int, other.stdout.readline().split())) for other in others if other.stdout]
    for other in others:
        other.communicate("\n", timeout=60)
    sets = [mine, set(_forked()), *drawn]
    assert len(drawn) == 8
    assert len(set().union(*sets)) == sum(map(len, sets))
    assert all(port in FREE_PORTS for port in mine)


def test_a_port_is_not_drawn_again_soon_nor_while_it_is_taken() -> None:
    """Servers that restart on their port find it free; one that listens is passed over."""
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        soon = [free_port() for _ in range(2 * BLOCK)]
    assert taken not in soon
    assert len(set(soon[: BLOCK // 2])) == BLOCK // 2


def _forked() -> list[int]:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_drawn)


def _drawn() -> list[int]:
    return [free_port() for _ in range(50)]
