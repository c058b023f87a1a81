"""Who may have the next part of a batch, where parts cost unlike amounts; no threads, no clock.

Each batch grants every waiting client the same; what a client takes is charged to it. Who wants more than it has saves
up, batch after batch, and the others go on meanwhile. If nobody could pay, all are granted what is missing: so nothing
waits for anybody who is not there.

References:
    Shreedhar, Varghese: "Efficient fair queuing using deficit round-robin", 1996.
"""

from collections.abc import Mapping


class Credits:
    """What each waiting client may still take."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def forget(self) -> None:
        """Forget all; for a client that is alone."""
        self._of = {}

    def grant(self, room: int, wanted: Mapping[str, int]) -> None:
        """Grant each an equal part; who does not wait loses what it had, but pays off what it owes.

        Args:
            room: What a batch grants all together; more if none of them could pay otherwise.
            wanted: What each client's next item costs.
        """
        if not wanted:
            return
        missing = min(cost - self._of.get(client, 0) for client, cost in wanted.items())
        part = max(-(-room // len(wanted)), missing)
        owed = {client: had + part for client, had in self._of.items() if had + part < 0}
        self._of = owed | {
            client: part + min(self._of.get(client, 0), cost - 1)  # saved for the next item, and no more
            for client, cost in wanted.items()
        }

    def pays(self, client: str, cost: int) -> bool:
        """Charge a client, if it has enough."""
        left = self._of.get(client, 0) - cost
        if left < 0:
            return False
        self._of[client] = left
        return True

    def charge(self, client: str, cost: int) -> None:
        """Charge a client for what turned out later; it may owe that."""
        self._of[client] = self._of.get(client, 0) - cost
