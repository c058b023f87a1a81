"""How much of the networks' time a client gets in a pass, which all who come meanwhile wait for; no threads."""

import math

COMPANY_S = 1.0
"""So long after another client asked, a client is not alone."""

NEW_SHARE = 0.2
"""Of the last pass in the mean time that a weight takes."""


class Company:
    """Whether several clients ask, and how much of each may be done then.

    Args:
        part_s: Time that each pass grants a client, about, while others ask; infinite: an equal part of a full pass.
    """

    def __init__(self, part_s: float) -> None:
        self._part_s = part_s
        self._last, self._until = "", -math.inf
        self._weight_s = 0.0

    def came(self, client: str, now_s: float) -> None:
        """Note that a client asks."""
        if client != self._last:
            self._last, self._until = client, now_s + COMPANY_S

    def worked(self, weight: int, took_s: float) -> None:
        """Note how long a pass took."""
        each_s = took_s / weight
        self._weight_s += (each_s - self._weight_s) * (NEW_SHARE if self._weight_s else 1.0)

    def room(self, most: int, clients: int, now_s: float) -> int:
        """Return how much weight the next pass grants some clients together.

        Args:
            most: Weight of a full pass.
            clients: How many wait.
            now_s: When.
        """
        if now_s >= self._until or not self._weight_s:
            return most
        part = self._part_s / self._weight_s
        return most if part >= most else min(most, clients * math.ceil(part))
