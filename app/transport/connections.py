"""All connections of a server: how many there may be, and which one ends when there are too many."""

import logging
import math
import time
from collections.abc import Callable
from typing import Protocol

from app.api.guards.client import network_of
from app.transport.proxies import Proxies

SHARE_OF_ONE = 7 / 8
"""Of all connections, at most, for one address: some always stay free for others."""

LOG_EVERY_S = 60.0

UNKNOWN = "unknown"
"""The address where the system tells none, as of a socket in the file system."""

logger = logging.getLogger(__name__)


class Closable(Protocol):
    """A connection, such as an `asyncio.Transport`."""

    def close(self) -> None:
        """End it."""

    def get_write_buffer_size(self) -> int:
        """Return how many bytes its client has not taken yet."""


class Connections:
    """Every open connection, by address; where one is too many, the one that has been idle the longest ends.

    A connection is idle while no request of it is in work: also while a request's head dribbles in.

    Args:
        most: Of all.
        most_of_one: Of one address; an IPv6 network of 64 bits counts as one.
        proxies: Not counted by address.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, most: int, most_of_one: int, proxies: Proxies, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._most_of_one = most, min(most_of_one, max(1, int(most * SHARE_OF_ONE)))
        self._proxies, self._clock = proxies, clock
        self._logged_at = -math.inf
        self._addresses: dict[Closable, str] = {}
        self._of: dict[str, int] = {}
        self._idle: dict[Closable, None] = {}  # in the order in which they fell idle

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._addresses)

    def open(self, connection: Closable, address: str | None) -> bool:
        """Note a new one, idle; end another one for it if it is one too many. False: there is none that may end."""
        network = network_of(address or UNKNOWN)
        if (
            not self._is_proxy(address)
            and self._of.get(network, 0) >= self._most_of_one
            and not self._end_idle(network)
        ):
            return False
        if len(self._addresses) >= self._most and not self._end_idle(None):
            return False
        self._addresses[connection] = network
        self._of[network] = self._of.get(network, 0) + 1
        self._idle[connection] = None
        return True

    def whose(self, connection: Closable, address: str | None) -> str:
        """Return whose turns a connection takes: its address's, or its own if a proxy speaks there for somebody."""
        return f"connection {id(connection)}" if self._is_proxy(address) else network_of(address or UNKNOWN)

    def busy(self, connection: Closable) -> None:
        """Note that a request or a stream of it is in work."""
        self._idle.pop(connection, None)

    def idle(self, connection: Closable) -> None:
        """Note that nothing of it is in work any more."""
        if connection in self._addresses:
            self._idle.pop(connection, None)
            self._idle[connection] = None

    def closed(self, connection: Closable) -> None:
        """Forget one that has ended."""
        self._idle.pop(connection, None)
        network = self._addresses.pop(connection, None)
        if network is not None:
            self._of[network] -= 1
            if not self._of[network]:
                del self._of[network]

    def _is_proxy(self, address: str | None) -> bool:
        return address is not None and address in self._proxies

    def _end_idle(self, network: str | None) -> bool:
        """End the one that has been idle the longest and whose client has taken all answers; of a network, if any."""
        for connection in self._idle:
            if network in (None, self._addresses[connection]) and not connection.get_write_buffer_size():
                self._log(network is None, "those idle the longest are closed")
                self.closed(connection)
                connection.close()
                return True
        self._log(network is None, "none is idle, so new ones are refused")
        return False

    def _log(self, all_full: bool, what_happens: str) -> None:
        now = self._clock()
        if now - self._logged_at >= LOG_EVERY_S:
            self._logged_at = now
            which, most = ("in all", self._most) if all_full else ("of one address", self._most_of_one)
            logger.warning("%d connections %s, and one more: %s", most, which, what_happens)
