"""A budget that clients share, for the event loop, threads and finalizers alike; `app.serving.shares` has the rules."""

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Self

from app.errors import MienError, NotReady, Overloaded
from app.serving.shares import SHARE, Shares, Turn


class Budget:
    """So much of one thing, shared by all clients. Every method may be called from any thread.

    Args:
        capacity: Most held by all together.
        full: What a client is told that gets nothing.
        queue: As `Shares`.
        share: As `Shares`.
    """

    def __init__(self, capacity: int, full: str, queue: int | None = None, share: int = SHARE) -> None:
        self._shares, self._full, self._closed = Shares(capacity, queue, share), full, False
        self._lock = threading.Lock()
        self._pending: deque[Callable[[], None]] = deque()

    @property
    def capacity(self) -> int:
        """Most held by all together."""
        return self._shares.capacity

    @property
    def held(self) -> int:
        """Held now by all together."""
        return self._shares.held

    @property
    def waiting(self) -> int:
        """Waited for now by all together."""
        return self._shares.wanted

    @property
    def clients(self) -> int:
        """How many hold or wait."""
        return self._shares.clients

    def held_by(self, client: str) -> int:
        """Return how much one client holds now."""
        return self._shares.held_by(client)

    @property
    def largest(self) -> int:
        """Most that one turn should ask for: an eighth stays for others."""
        return self.capacity - self.capacity // (SHARE + 1)

    def empty(self, client: str) -> "Hold":
        """Return a hold on nothing, to add to."""
        return Hold(self, client, 0)

    def take(self, client: str, amount: int = 1) -> "Hold":
        """Take some at once.

        Raises:
            Overloaded: If there is none, the client has its share, or it is another client's turn.
            NotReady: If the budget is closed.
        """
        turn = Turn(client, amount)
        with self._books():
            self._shares.line_up(turn)
            if not turn.granted:
                self._shares.withdraw(turn)
                raise Overloaded(self._full)
        return Hold(self, client, amount)

    async def wait(self, client: str, amount: int = 1, until: float | None = None) -> "Hold":
        """Take some when it is the client's turn.

        Args:
            client: Who asks.
            amount: How much; more than `capacity` is never granted.
            until: When to give up, in the event loop's time.

        Raises:
            Overloaded: If there is none by then, or the client waits for too much already.
            NotReady: If the budget is or gets closed.
        """
        loop = asyncio.get_running_loop()
        came: asyncio.Future[None] = loop.create_future()
        turn = Turn(client, amount, lambda error: _wake(loop, came, error))
        with self._books():
            if not self._shares.may_wait(client, amount):
                raise Overloaded(self._full)
            self._shares.line_up(turn)
        try:
            if not turn.granted:
                async with asyncio.timeout_at(until):
                    await came
        except BaseException as error:
            self._book(partial(self._shares.leave, turn))
            if isinstance(error, TimeoutError):
                raise Overloaded(self._full) from None
            raise
        return Hold(self, client, amount)

    def give(self, client: str, amount: int, cost: float = 0.0) -> None:
        """Give some back; also from a finalizer, which may run in the middle of any method here.

        Args:
            client: Who held it.
            amount: How much; below 0, what its work takes beyond what it was admitted for.
            cost: What its use cost the others, if that is known only now; it counts against the client's next turns.
        """
        self._book(partial(self._shares.give, client, amount, cost))

    def close(self) -> None:
        """Turn away all who wait or come."""
        if self._closed:
            return
        with self._books():
            self._closed = True
            for turn in self._shares.turns:
                turn.wake(_stopping())

    @contextmanager
    def _books(self) -> Iterator[None]:
        try:
            with self._lock:
                self._book_pending()
                if self._closed:
                    raise _stopping()
                yield
        finally:
            self._settle()

    def _book(self, entry: Callable[[], None]) -> None:
        """Change the books soon, without waiting for them: they may be in use by this very thread."""
        self._pending.append(entry)
        self._settle()

    def _settle(self) -> None:
        """Do what is pending; if the books are in use, their user does it right afterwards."""
        while self._pending and self._lock.acquire(blocking=False):
            try:
                self._book_pending()
            finally:
                self._lock.release()

    def _book_pending(self) -> None:
        while self._pending:
            self._pending.popleft()()


class Hold:
    """What a client holds of a budget until it is released; as a context manager, until the block ends.

    Attributes:
        budget: What it is taken from.
        client: Who holds it.
        amount: How much was taken.
    """

    def __init__(self, budget: Budget, client: str, amount: int) -> None:
        self.budget, self.client, self.amount = budget, client, amount

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def add(self, amount: int) -> None:
        """Take more at once; raises as `Budget.take`."""
        if amount:  # Nothing more is always within a share.
            self.amount += self.budget.take(self.client, amount).amount

    def adjust(self, amount: int) -> None:
        """Take more or give some back, so that this much is held; raises as `Budget.take`."""
        if amount >= self.amount:
            self.add(amount - self.amount)
            return
        surplus, self.amount = self.amount - amount, amount
        self.budget.give(self.client, surplus)

    def count_while_alive(self, thing: object, amount: int) -> None:
        """Pass some on to a thing: it counts for exactly as long as that is in memory, whoever keeps it there.

        More may be passed on than was taken; it is counted all the same.
        """
        self.amount -= amount
        weakref.finalize(thing, self.budget.give, self.client, amount).atexit = False

    def release(self, cost: float = 0.0) -> None:
        """Give back what is left; a second time does no harm.

        Args:
            cost: As in `Budget.give`.
        """
        amount, self.amount = self.amount, 0
        if amount:
            self.budget.give(self.client, amount, cost)


def _stopping() -> NotReady:
    return NotReady("The server is stopping.")


def _wake(loop: asyncio.AbstractEventLoop, came: "asyncio.Future[None]", error: MienError | None) -> None:
    def settle() -> None:
        if came.done():
            return
        if error is None:
            came.set_result(None)
        else:
            came.set_exception(error)

    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(settle)
