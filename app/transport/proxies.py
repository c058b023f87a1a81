"""Addresses that speak for many clients, so that nothing is counted for them."""

import ipaddress


class Proxies:
    """Trusted proxies, by address and network; names, which Uvicorn would compare as text, are passed over.

    Args:
        trusted: As in `MIEN_TRUSTED_PROXIES`.
    """

    def __init__(self, trusted: str | None = None) -> None:
        self._all = (trusted or "").strip() == "*"
        self._networks = [found for each in (trusted or "").split(",") if (found := _network(each.strip()))]

    def __contains__(self, address: str) -> bool:
        """Whether an address is one of them."""
        if self._all or not self._networks:
            return self._all
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in each for each in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
