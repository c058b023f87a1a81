"""What a client does not take stays here, where it is counted."""

import contextlib
import socket

import pytest

from app.transport.unsent import AHEAD_BYTES, bound_unsent
from tests.support.thread_server import ThreadServer

pytestmark = pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="the system knows no such bound")


def test_the_system_takes_little_for_a_client_that_does_not_read():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bound_unsent([listener])
        with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as accepted:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            accepted.setblocking(False)
            taken = 0
            with contextlib.suppress(BlockingIOError):
                while taken < 10_000_000:
                    taken += accepted.send(bytes(65_536))
    assert taken < 8 * AHEAD_BYTES


def test_the_server_listens_with_this_bound():
    with ThreadServer() as running:
        [listener] = running.server.servers[0].sockets
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == AHEAD_BYTES
