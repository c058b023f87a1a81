"""MicroBatcher: batches calls from many callers on an event loop into one function on one thread.

It is independent of vision and HTTP. While a batch runs, the next one fills, so with `max_batch_wait_ms` 0 a lone item
never waits and a busy server batches automatically.

A batch is shared by the clients that wait. Alone, a client has all of it. While several ask, each is granted an equal
part of it, at most what gets done in a short time (`app.serving.parts`), and saves up for items that cost more
(`app.serving.credits`). So what a client has waiting, and how dear it is, costs the others one such part of each batch.

Contract: `setup` and the function run on the batcher's own single thread; each client's order is kept; a batch has at
most `max_batch_size` items, and stops at `max_batch_weight`; the function never runs concurrently with itself; an
exception in place of a result goes to that caller alone; if the function raises, only that batch's callers fail, unless
the exception is `fatal`, which ends the thread; a result of the wrong length is an error; a caller cancelled before or
during a batch does no harm and frees its place at once; a full queue refuses at once; `close` settles every pending
future and joins the thread; `submit` after `close` raises.
"""

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, TypeVar

from app.errors import NotReady, Overloaded
from app.plural import counted
from app.serving.parts import Parts
from app.serving.settle import failure_of, settle

Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class _Entry(Generic[Item, Result]):
    item: Item
    client: str
    weight: int
    cost: int
    future: "Future[Result]" = field(default_factory=Future)
    queued: float = field(default_factory=time.monotonic)


class MicroBatcher(Generic[Item, Result]):
    """Gather items into batches for a function that is faster on batches.

    Args:
        function: Maps a batch to as many results in the same order; an exception may take a result's place.
        max_batch_size: Most items per call of the function.
        max_batch_wait_ms: How long an incomplete batch waits for more while the function is idle.
        queue_size: Most waiting items; any more are refused.
        setup: Runs first on the thread; `started` reports its outcome. If it raises, the thread ends.
        fatal: Exceptions of the function after which it must not be called again; they reach the callers as they are.
        on_batch: Called before the function, with the seconds that each item of the batch waited.
        name: The thread's name.
        max_batch_weight: Most weight of a batch; one item is always within it. None: one for each item.
        part_s: As in `Parts`.
    """

    def __init__(
        self,
        function: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        max_batch_size: int,
        max_batch_wait_ms: float = 0.0,
        queue_size: int = 64,
        setup: Callable[[], None] = lambda: None,
        fatal: tuple[type[Exception], ...] = (),
        on_batch: Callable[[Sequence[float]], None] = lambda _: None,
        name: str = "inference",
        max_batch_weight: int | None = None,
        part_s: float = math.inf,
    ) -> None:
        self._function, self._setup, self._fatal, self._on_batch = function, setup, fatal, on_batch
        self._max_batch_size, self._max_batch_weight = max_batch_size, max_batch_weight or max_batch_size
        self._max_batch_wait_s = max_batch_wait_ms / 1000
        self._queue_size = queue_size
        self._waiting: dict[str, deque[_Entry[Item, Result]]] = {}  # by client; whoever is first is served first
        self._parts = Parts(part_s)
        self._changed = threading.Condition()
        self._closed = False
        self._batch_began: float | None = None
        self.started: Future[None] = Future()
        self.started.set_running_or_notify_cancel()  # From here on a waiter who leaves cannot cancel it.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs and takes work."""
        return self._thread.is_alive() and not self._closed

    @property
    def waiting(self) -> int:
        """Items in the queue now."""
        return sum(map(len, self._waiting.values()))

    @property
    def running_s(self) -> float:
        """How long the current batch has been running, in seconds; 0 between batches."""
        began = self._batch_began
        return 0.0 if began is None else time.monotonic() - began

    async def submit(self, item: Item, client: str = "", weight: int = 1, cost: int | None = None) -> Result:
        """Queue an item and wait for its result.

        Args:
            item: For the function.
            client: Whose it is.
            weight: How long it takes the function, beside other items.
            cost: What its client is charged, where that is more than its weight in a batch.

        Raises:
            Overloaded: If the queue is full.
            NotReady: If the batcher is closed, or closes before the item's batch began.
            InferenceFailed: If the function raised on the item's batch or broke the contract.
        """
        entry: _Entry[Item, Result] = _Entry(item, client, weight, cost or weight)
        with self._changed:
            if not self.alive:
                raise NotReady("The networks are stopped.")
            if self.waiting >= self._queue_size:
                raise Overloaded(f"{counted(self._queue_size, 'picture')} waiting already; try again shortly.")
            self._parts.came(client, entry.queued)
            self._waiting.setdefault(client, deque()).append(entry)
            self._changed.notify()
        try:
            return await asyncio.wrap_future(entry.future)
        except asyncio.CancelledError:
            self._forget(entry)
            raise
        finally:
            del entry  # its future keeps an exception that leads here: with it, the picture would be kept and counted

    def charge(self, client: str, cost: int) -> None:
        """Charge a client for what one of its items took beside its cost; it has that much less of the next batches."""
        with self._changed:
            self._parts.charge(client, cost)

    def close(self, timeout_s: float | None = None) -> bool:
        """Finish the running batch, answer the waiting callers with `NotReady`, and join the thread.

        Args:
            timeout_s: How long the running batch may take; None: as long as it needs.

        Returns:
            Whether the thread has ended; it is a daemon, so a hung one does not keep the process alive.
        """
        self._abandon_waiting()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _forget(self, entry: _Entry[Item, Result]) -> None:
        """Free a departed caller's place and memory now, not when its batch comes up."""
        with self._changed:
            mine = self._waiting.get(entry.client, deque())
            if entry in mine:
                mine.remove(entry)
            if not mine:
                self._waiting.pop(entry.client, None)

    def _abandon_waiting(self) -> None:
        with self._changed:
            self._closed = True
            abandoned, self._waiting = self._waiting, {}
            self._changed.notify()
        for entry in chain.from_iterable(abandoned.values()):
            settle(entry.future, error=NotReady("The networks were stopped before this picture's turn came."))

    def _run(self) -> None:
        try:
            self._setup()
        except BaseException as error:  # noqa: BLE001 - whoever waits for `started` gets it
            self._abandon_waiting()
            self.started.set_exception(error)
            return
        self.started.set_result(None)
        try:
            while not self._closed:
                self._process(self._next_batch())  # No name here may keep the items in memory until the next batch.
        finally:  # However the thread ends, nobody waits for it in vain.
            self._abandon_waiting()

    def _next_batch(self) -> list[_Entry[Item, Result]]:
        """Wait for work and take it; the batch is empty if all its callers have left, or after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._max_batch_wait_s > 0:
                self._changed.wait_for(
                    lambda: self.waiting >= self._max_batch_size or self._closed, self._max_batch_wait_s
                )
            taken = self._take()
        return [entry for entry in taken if entry.future.set_running_or_notify_cancel()]

    def _take(self) -> list[_Entry[Item, Result]]:
        """Take each client's part of a batch; who has more waiting is the last one next time."""
        taken, weight = list[_Entry[Item, Result]](), 0
        wanted = {client: mine[0].cost for client, mine in self._waiting.items()}
        self._parts.grant(self._max_batch_weight, wanted, time.monotonic())
        for client, mine in list(self._waiting.items()):
            before = len(taken)
            while mine and self._fits(len(taken), weight, mine[0]) and self._parts.pays(client, mine[0].cost):
                entry = mine.popleft()
                taken.append(entry)
                weight += entry.weight
            if len(taken) > before:
                del self._waiting[client]
                if mine:
                    self._waiting[client] = mine
        return taken

    def _fits(self, items: int, weight: int, entry: _Entry[Item, Result]) -> bool:
        return not items or (items < self._max_batch_size and weight + entry.weight <= self._max_batch_weight)

    def _process(self, batch: list[_Entry[Item, Result]]) -> None:
        if not batch:
            return
        self._batch_began = time.monotonic()
        try:
            self._on_batch([self._batch_began - entry.queued for entry in batch])
            results = self._function([entry.item for entry in batch])
            self._parts.worked(sum(entry.cost for entry in batch), time.monotonic() - self._batch_began)
            if len(results) != len(batch):
                raise RuntimeError(f"{len(results)} results for {len(batch)} items.")
        except BaseException as error:
            logger.exception("a batch of %d failed", len(batch))
            told = error if isinstance(error, self._fatal) else failure_of(error)
            for entry in batch:
                settle(entry.future, error=told)
            if told is error:
                self._abandon_waiting()
            elif not isinstance(error, Exception):  # An ordinary failure costs its batch; anything else the thread.
                raise
            return
        finally:
            self._batch_began = None
        for entry, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                settle(entry.future, error=result)
            else:
                settle(entry.future, result=result)
