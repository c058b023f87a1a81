"""Whether the server could listen, asked before the networks are loaded."""

import socket


def why_not_to_listen(host: str, port: int) -> str | None:
    """Return what keeps the server from an address, in words for its user; None if nothing does.

    Args:
        host: As in `MIEN_HOST`.
        port: As in `MIEN_PORT`; 0 is always free.
    """
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return f"MIEN_HOST or --host: {host!r} is no address of this machine ({error.strerror})."
    try:
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as asyncio sets it
            probe.bind(address)
            probe.listen()
    except OSError as error:
        return f"Cannot listen on {host}, port {port} ({error.strerror}): choose another with --port or --host."
    return None
