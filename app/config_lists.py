"""Comma-separated settings: their parts, and whether each is what it should be."""

import ipaddress
import re
from urllib.parse import urlsplit


def listed(text: str | None) -> tuple[str, ...]:
    """Return the parts, stripped; empty ones are passed over."""
    return tuple(each.strip() for each in (text or "").split(",") if each.strip())


def is_host(text: str) -> bool:
    """Whether this is a name or an address without scheme and port."""
    return text.count(":") != 1 and re.fullmatch(r"[A-Za-z0-9_.:-]+", text) is not None


def is_origin(text: str) -> bool:
    """Whether a browser could send this: in lower case, without a user, a path or the scheme's default port."""
    try:
        parts = urlsplit(text)
        port = {"http": 80, "https": 443}[parts.scheme]
        named = f":{parts.port}" if parts.port not in (None, port) else ""
    except (KeyError, ValueError):
        return False
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return bool(host) and text == f"{parts.scheme}://{host}{named}"


def check_proxies(text: str) -> None:
    """Refuse what Uvicorn would take for the name of a peer, which no connection has: it would trust nobody, silently.

    Raises:
        ValueError: If this is neither * nor a list of addresses and networks.
    """
    if text == "*":
        return
    for each in listed(text) or (text,):
        try:
            (ipaddress.ip_network if "/" in each else ipaddress.ip_address)(each)
        except ValueError as error:
            with_host = f": {error}" if str(error).endswith("has host bits set") else ""
            raise ValueError(
                f"{each!r} is no address{with_host}; write IP addresses or networks such as 10.0.0.0/8, "
                "or * alone for all"
            ) from error
