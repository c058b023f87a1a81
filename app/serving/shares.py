"""The books of one budget: who holds how much, who waits, and whose turn it is. No threads, no event loop, no clock.

A client may hold at most `SHARE` times what is free. So a client alone gets seven eighths, two get seven fifteenths
each, n get 7 / (7 n + 1), and a part always stays free for who comes next; nobody counts clients or sets shares.

Those who wait take turns by client, not by arrival: next is the client that was served least of late, by what it took.
Within a client the first to come is the first served. If the next one needs more than is free, the others let it
through, unless only its own earlier work is in its way. Clients that neither hold nor wait are forgotten.

References:
    Choudhury, Hahne: "Dynamic queue length thresholds for shared-memory packet switches", 1998 (the shares).
    Goyal, Vin, Cheng: "Start-time fair queueing", 1996 (the turns).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.errors import MienError

SHARE = 7


def with_reserve(most: int) -> int:
    """Return the smallest capacity of which a client alone gets this much; about a seventh more."""
    return most - 1 + -(-most // SHARE)


@dataclass(eq=False)
class Turn:
    """One amount that a client waits for.

    Attributes:
        client: Who waits.
        amount: How much.
        wake: Called when the turn has come, or with the reason why it never will.
        granted: Whether it has come.
    """

    client: str
    amount: int
    wake: Callable[[MienError | None], None] = lambda _: None
    granted: bool = False


@dataclass(eq=False)
class _Account:
    """What one client holds and waits for; `served` grows with all that it gets, and is a time only among others."""

    held: int = 0
    wanted: int = 0
    served: float = 0.0
    waiting: deque[Turn] = field(default_factory=deque)


class Shares:
    """Who holds and who waits.

    Args:
        capacity: Most held by all together.
        queue: Most held and waited for together; None: any number may wait.
        share: A client holds at most so many times what is free; its first is always within its share.
    """

    def __init__(self, capacity: int, queue: int | None = None, share: int = SHARE) -> None:
        self.capacity = capacity
        self.held = self.wanted = 0
        self._queue, self._share = queue, share
        self._accounts: dict[str, _Account] = {}
        self._waiting: dict[str, _Account] = {}
        self._clock = 0.0

    @property
    def clients(self) -> int:
        """How many hold or wait."""
        return len(self._accounts)

    @property
    def turns(self) -> list[Turn]:
        """All who wait."""
        return [turn for account in self._waiting.values() for turn in account.waiting]

    def held_by(self, client: str) -> int:
        """Return how much one client holds."""
        account = self._accounts.get(client)
        return account.held if account else 0

    def may_wait(self, client: str, amount: int) -> bool:
        """Whether a client may wait: always within an equal part of the queue, beyond it while there is room."""
        if self._queue is None:
            return True
        account = self._accounts.get(client)
        mine = amount + (account.held + account.wanted if account else 0)
        equal_part = self._queue * SHARE // (SHARE + 1) // (len(self._accounts) + (account is None))
        return mine <= equal_part or mine <= self._share * (self._queue - self.held - self.wanted)

    def line_up(self, turn: Turn) -> None:
        """Let a turn wait; it may be granted at once."""
        account = self._accounts.setdefault(turn.client, _Account())
        if not account.waiting:  # Who was away has nothing saved up.
            account.served = max(account.served, self._clock)
            self._waiting[turn.client] = account
        account.waiting.append(turn)
        account.wanted += turn.amount
        self.wanted += turn.amount
        self._serve()

    def withdraw(self, turn: Turn) -> None:
        """Take a turn out of the queue, if it is there."""
        account = self._waiting.get(turn.client)
        if account is not None and turn in account.waiting:
            self._strike(turn, account)
            self._serve()

    def leave(self, turn: Turn) -> None:
        """End a wait that was interrupted, perhaps just after the turn had come."""
        if turn.granted:
            self.give(turn.client, turn.amount)
        else:
            self.withdraw(turn)

    def give(self, client: str, amount: int, cost: float = 0.0) -> None:
        """Take some back and grant it to those who wait; as `Budget.give`."""
        account = self._accounts.setdefault(client, _Account(served=self._clock))
        account.held -= amount
        self.held -= amount
        self._charge(account, cost)
        self._forget_idle(client, account)
        self._serve()

    def _serve(self) -> None:
        while (account := self._next()) is not None:
            turn = account.waiting[0]
            if turn.amount > self.capacity - self.held:
                return
            turn.granted = True
            account.held += turn.amount
            self.held += turn.amount
            self._charge(account, turn.amount)
            self._strike(turn, account)
            turn.wake(None)

    def _next(self) -> _Account | None:
        """Return whose turn it is, among those who may have what they wait for."""
        allowed = (each for each in self._waiting.values() if self._allows(each))
        return min(allowed, key=lambda each: each.served, default=None)

    def _allows(self, account: _Account) -> bool:
        amount = account.held + account.waiting[0].amount
        return not account.held or amount <= min(self.capacity, self._share * (self.capacity - self.held))

    def _charge(self, account: _Account, cost: float) -> None:
        account.served += cost
        self._clock += cost / max(1, len(self._waiting))

    def _strike(self, turn: Turn, account: _Account) -> None:
        account.waiting.remove(turn)
        account.wanted -= turn.amount
        self.wanted -= turn.amount
        if not account.waiting:
            del self._waiting[turn.client]
        self._forget_idle(turn.client, account)

    def _forget_idle(self, client: str, account: _Account) -> None:
        if not account.held and not account.waiting:
            self._accounts.pop(client, None)
        if not self._accounts:
            self._clock = 0.0
