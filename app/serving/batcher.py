"""MicroBatcher: many callers on an event loop, one function on one thread, called with batches.

It knows neither vision nor HTTP. While a batch runs the next one gathers, so with `max_batch_wait_ms` 0 a lone item
never waits and a busy server batches by itself.

Contract: order kept; at most `max_batch_size` items a batch; the function never runs twice at once; a raising function
fails that batch's callers only; a result of another length is an error; a caller cancelled before or during a batch is
harmless; a full queue answers at once; `close` settles every pending future and joins the thread; `submit` after
`close` raises.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from typing import Generic, TypeVar

from app.errors import InferenceFailed, NotReady, Overloaded

Item = TypeVar("Item")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class MicroBatcher(Generic[Item, Result]):
    """Gather items into batches for a function that is faster a batch.

    Args:
        function: Maps a batch to as many results in the same order; runs on this batcher's own thread.
        max_batch_size: Most items a call of the function.
        max_batch_wait_ms: How long an incomplete batch waits for more while the function is idle.
        queue_size: Most items that wait; one more is refused.
        name: Of the thread.
    """

    def __init__(
        self,
        function: Callable[[Sequence[Item]], Sequence[Result]],
        max_batch_size: int,
        max_batch_wait_ms: float = 0.0,
        queue_size: int = 64,
        name: str = "inference",
    ) -> None:
        self._function = function
        self._max_batch_size = max_batch_size
        self._max_batch_wait_s = max_batch_wait_ms / 1000
        self._queue_size = queue_size
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs and takes work."""
        return self._thread.is_alive() and not self._closed

    @property
    def waiting(self) -> int:
        """Items in the queue now."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Result:
        """Queue an item and wait for its result.

        Raises:
            Overloaded: If the queue is full.
            NotReady: If the batcher is closed, or closes before the item's batch began.
            InferenceFailed: If the function raised on the item's batch or broke the contract.
        """
        future: Future[Result] = Future()
        with self._changed:
            if not self.alive:
                raise NotReady("The server is stopping.")
            if len(self._waiting) >= self._queue_size:
                raise Overloaded(f"{self._queue_size} pictures are waiting already; try again shortly.")
            self._waiting.append((item, future))
            self._changed.notify()
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Finish the running batch, answer the waiting callers with `NotReady`, and join the thread."""
        self._abandon_waiting()
        self._thread.join()

    def _abandon_waiting(self) -> None:
        with self._changed:
            self._closed = True
            abandoned, self._waiting = self._waiting, deque()
            self._changed.notify()
        for _, future in abandoned:
            _settle(future, error=NotReady("The server is stopping."))

    def _run(self) -> None:
        try:
            while not self._closed:
                if batch := self._next_batch():
                    self._process(batch)
        finally:  # However the thread ends, nobody waits for it in vain.
            self._abandon_waiting()

    def _next_batch(self) -> list[tuple[Item, Future[Result]]]:
        """Wait for work and take it; the batch is empty when all its callers have left, or after `close`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._max_batch_wait_s > 0:
                self._changed.wait_for(
                    lambda: len(self._waiting) >= self._max_batch_size or self._closed, self._max_batch_wait_s
                )
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._max_batch_size))]
        return [(item, future) for item, future in taken if future.set_running_or_notify_cancel()]

    def _process(self, batch: list[tuple[Item, Future[Result]]]) -> None:
        try:
            results = self._function([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(results)} results for {len(batch)} items.")
        except BaseException as error:
            logger.exception("a batch of %d failed", len(batch))
            for _, future in batch:
                _settle(future, error=InferenceFailed("The networks failed on this batch."))
            if not isinstance(error, Exception):  # An ordinary failure costs its batch; anything else ends the thread.
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            _settle(future, result=result)


def _settle(future: "Future[Result]", result: Result | None = None, error: Exception | None = None) -> None:
    """Set a future that its caller may have given up meanwhile."""
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only stands for "not given" beside an error
    except InvalidStateError:
        logger.debug("a caller had left")
