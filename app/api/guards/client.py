"""Who asks: an API key or, without one, an address. Rates and shares are counted for it."""

import ipaddress

from starlette.types import Scope

KEY = "client"
"""Where the identity is kept in a connection's state, which never leaves the process."""


def set_client(scope: Scope, client: str) -> None:
    """Say who asks, where that is known better than by the address."""
    scope.setdefault("state", {})[KEY] = client


def client_of(scope: Scope) -> str:
    """Return who asks, worked out once for a request: `key DIGEST`, an IPv4 address or an IPv6 network.

    The address is that of the connection, or what a trusted proxy says it is.
    """
    state = scope.setdefault("state", {})
    if KEY not in state:
        state[KEY] = network_of((scope.get("client") or ("unknown",))[0])
    client: str = state[KEY]
    return client


def network_of(address: str) -> str:
    """Return an IPv4 address as is, and for an IPv6 address the /64 that one subscriber gets."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(parsed.ipv4_mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))
