"""Counts the requests of each client for several servers together, in Redis or Valkey."""

import asyncio
import logging
import time
from collections.abc import Callable
from importlib.util import find_spec

from limits import RateLimitItem
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError

from app.errors import SettingsError

PATIENCE_S = 0.25
"""Longest time to wait for the storage, which is near: a request must not hang on it."""

APART_S = 5.0
"""A storage that did not answer is left alone for so long."""

PREFIX = "mien"

logger = logging.getLogger(__name__)


class SharedWindow:
    """Admits a number of requests of each client in any stretch of time, wherever they arrive.

    Args:
        address: redis://..., with TLS rediss://...
        rate: How many requests in how much time.
        clock: Seconds of a clock that never runs backwards.

    Raises:
        SettingsError: If the address cannot be one, or the client's library is not installed.
    """

    def __init__(self, address: str, rate: RateLimitItem, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock, self._asked_again_s = rate, clock, 0.0
        times: dict[str, float | str | bool] = {"socket_timeout": PATIENCE_S, "socket_connect_timeout": PATIENCE_S}
        if find_spec("redis") is None:
            raise SettingsError(
                "MIEN_RATE_LIMIT_STORAGE needs the package redis: run pip install -e '.[redis]' in Mien's sources."
            )
        try:
            self._storage = RedisStorage(
                f"async+{address}", wrap_exceptions=True, implementation="redispy", key_prefix=PREFIX, **times
            )
        except (ConfigurationError, ValueError) as error:
            raise SettingsError("MIEN_RATE_LIMIT_STORAGE is no address: write redis://host:port/number.") from error
        self._limiter = MovingWindowRateLimiter(self._storage)

    async def wait_s(self, client: str) -> float | None:
        """Count a request if it is admitted, and return 0; else return in how many seconds the next one will be.

        Returns:
            None where the storage does not answer, which is logged and not asked again for some seconds.
        """
        if self._clock() < self._asked_again_s:
            return None
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                if await self._limiter.hit(self._rate, client):
                    return 0.0
                stats = await self._limiter.get_window_stats(self._rate, client)
        except (StorageError, TimeoutError) as error:
            why = type(getattr(error, "storage_error", error)).__name__  # its text may hold the address
            logger.warning("the storage of rates does not answer (%s): this server counts by itself meanwhile", why)
            self._asked_again_s = self._clock() + APART_S
            return None
        return max(stats.reset_time - time.time(), 0.001)  # the window's clock is that of the wall

    async def close(self) -> None:
        """Give the connections back."""
        await self._storage.bridge.get_connection().aclose()  # type: ignore[attr-defined]
