"""How much of its answers the system takes from us before a client has room for them."""

import socket
from collections.abc import Iterable

AHEAD_BYTES = 131_072
"""Of a connection, beside what is on its way. Linux would take 4 MB: of the answers of some hundred clients that do
not read, all memory that it sets aside for connections, and it then drops packets of other clients."""


def bound_unsent(listeners: Iterable[socket.socket]) -> None:
    """Bound it for all connections that come to these sockets; no effect where the system knows no such bound.

    References:
        tcp(7), `TCP_NOTSENT_LOWAT`: connections inherit it, and what is on its way is not counted.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    for each in listeners:
        if option is not None and each.family in (socket.AF_INET, socket.AF_INET6):
            each.setsockopt(socket.IPPROTO_TCP, option, AHEAD_BYTES)
