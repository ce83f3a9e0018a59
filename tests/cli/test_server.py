"""How the server meets the network."""

import socket

from cli import server


def test_no_part_of_an_answer_waits_for_the_part_before_it() -> None:
    """Nagle's algorithm would hold the body of each answer back for 40 ms."""
    with (
        server._listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()[:2]),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
