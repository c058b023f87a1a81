"""Whom a request is for: a page elsewhere whose name was made to resolve to this machine names itself."""

import ipaddress
import re
from collections.abc import Iterable

import httptools

from app.errors import MienError, WrongHost
from app.transport.head import HeaderList

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ALL = "*"
PROBES = (b"/livez", b"/readyz")
"""Orchestrators ask by the address of a container."""

PORT = re.compile(r":[0-9]{1,5}$")


class Hosts:
    """Names that a request's host may have; ports are not compared.

    Args:
        names: Names and addresses, IPv6 without brackets; `*` allows all.

    References:
        RFC 9110, section 7.4: misdirected requests. RFC 9112, section 3.2.2: whose absolute target wins over `Host`.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(name.lower().rstrip(".") for name in names)

    def fault_of(self, headers: HeaderList, target: bytes) -> MienError | None:
        """Return why a request is refused, if it is: it is for somebody else."""
        if ALL in self._names or target.partition(b"?")[0] in PROBES:
            return None
        named = [value for name, value in headers if name == b"host"]
        if not target.startswith(b"/") and (host := _host_of(target)):
            named.append(host)
        if all(_name_of(each) in self._names for each in named):
            return None
        return WrongHost("This server is not asked by that name; the setting MIEN_ALLOWED_HOSTS lists those that are.")


def allowed_hosts(named: Iterable[str], bound_to: str) -> Hosts:
    """Return the hosts that are named or, without any, those of a server on a loopback address; else all."""
    listed = tuple(named)
    if listed:
        return Hosts((*LOOPBACK, *listed))  # no page elsewhere has a name that resolves to them in a browser's eyes
    return Hosts((*LOOPBACK, bound_to)) if is_loopback(bound_to) else Hosts((ALL,))


def is_loopback(address: str) -> bool:
    """Whether only programs on this machine reach an address."""
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _host_of(target: bytes) -> bytes | None:
    """Return the host of a target in absolute form."""
    try:
        host: bytes | None = httptools.parse_url(target).host
    except httptools.HttpParserInvalidURLError:
        return None  # refused where the path is looked for
    return b"[%b]" % host if host is not None and b":" in host else host


def _name_of(value: bytes) -> str:
    """Return a host without its port, its brackets and the root's dot."""
    text = PORT.sub("", value.decode("latin-1").lower())
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text.rstrip(".")
