"""How much of the networks' time a client gets in a pass, which all who come meanwhile wait for; no threads."""

import math
from collections.abc import Mapping

from app.serving.credits import Credits

COMPANY_S = 1.0
"""So long after another client asked, a client is not alone."""

NEW_SHARE = 0.2
"""Of the last pass in the mean rate at which work gets done."""


class Parts:
    """What each client may have of the next pass. Alone it may have all; while several ask, what gets done soon.

    Args:
        part_s: Time that each pass grants a client, about, while others ask; infinite: an equal part of a full pass.
    """

    def __init__(self, part_s: float) -> None:
        self._part_s = part_s
        self._last, self._last_s, self._until = "", -math.inf, -math.inf
        self._mean_s = self._mean_cost = 0.0
        self._credits = Credits()

    def came(self, client: str, now_s: float) -> None:
        """Note that a client asks."""
        if client != self._last:
            self._until = self._last_s + COMPANY_S
        self._last, self._last_s = client, now_s

    def worked(self, cost: int, took_s: float) -> None:
        """Note how long a pass took, for items that cost so much."""
        self._mean_s += NEW_SHARE * (took_s - self._mean_s)
        self._mean_cost += NEW_SHARE * (cost - self._mean_cost)

    def charge(self, client: str, cost: int) -> None:
        """Charge a client for what an item cost beside what it was taken for; it may owe that."""
        self._credits.charge(client, cost)
        self._mean_cost += NEW_SHARE * cost

    def grant(self, most: int, wanted: Mapping[str, int], now_s: float) -> None:
        """Grant the clients that wait their parts of the next pass.

        Args:
            most: Of a full pass.
            wanted: What each client's next item costs.
            now_s: When.
        """
        if len(wanted) > 1 or now_s < self._until:
            most = self._soon(most, len(wanted))
        else:
            self._credits.forget()
        self._credits.grant(most, wanted)

    def pays(self, client: str, cost: int) -> bool:
        """Charge a client, if it has enough."""
        return self._credits.pays(client, cost)

    def _soon(self, most: int, clients: int) -> int:
        """Return what the next pass grants so many clients together, where several ask."""
        if not self._mean_s:
            return most
        part = self._part_s * self._mean_cost / self._mean_s
        return most if part >= most else min(most, clients * math.ceil(part))
