"""Reads and decodes pictures in a few threads, ahead of the networks and in order, within a budget of memory."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from app.batch.payloads import Read
from app.batch.sources import Name
from app.errors import Overloaded
from app.looking import told
from app.pictures.open import decode_picture
from app.pictures.types import Image, Picture
from app.pictures.workers import Workers
from app.serving.admission import LOCAL
from app.serving.budget import Budget

AHEAD = 16
"""So many pictures are read or decoded beyond the one that is waited for: two groups."""


@dataclass(frozen=True)
class Opened:
    """One picture, or what is wrong with it.

    Attributes:
        name: What the rows call it.
        image: RGB, uint8, (H, W, 3).
        error: A code and a text, as `app.looking.told` gives them, where there is no image.
        truncated: Whether the file was cut off.
    """

    name: str
    image: Image | None
    error: dict[str, str] | None = None
    truncated: bool = False


class Decoders:
    """Threads that read and decode.

    Args:
        threads: How many.
        max_pixels: Largest picture.
        held_pixels: Most that the pictures decoded ahead take, in pixels of 3 bytes. One that finds no room is decoded
            when it is its turn, so that whatever is held, the next picture always comes.
        workers: Decode rare and large pictures.
    """

    def __init__(self, threads: int, max_pixels: int, held_pixels: int, workers: Workers) -> None:
        self._threads, self._max_pixels, self._workers = threads, max_pixels, workers
        self._room = Budget(held_pixels, "No room to decode ahead.")

    def opened(self, reads: Iterable[tuple[Name, Read]]) -> Generator[Opened, None, None]:
        """Yield each picture, in order."""
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="decode")
        waiting: deque[tuple[str, Future[bytes | Picture | dict[str, str]]]] = deque()
        try:
            for name, read in reads:
                waiting.append((name.shown, pool.submit(self._open, read)))
                if len(waiting) > AHEAD:
                    yield self._settled(*waiting.popleft())
            while waiting:
                yield self._settled(*waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _open(self, read: Read) -> "bytes | Picture | dict[str, str]":
        """Return the picture, an error, or the bytes where there is no room for the picture now."""
        try:
            payload = read()
            with self._room.empty(LOCAL) as room:
                try:
                    picture = decode_picture(payload, self._max_pixels, room.add, workers=self._workers)
                except Overloaded:
                    return payload
                room.count_while_alive(picture.image, picture.image.shape[0] * picture.image.shape[1])
                return picture
        except Exception as error:  # noqa: BLE001 - whatever it is, the pictures after it are answered
            return told(error)

    def _settled(self, name: str, future: "Future[bytes | Picture | dict[str, str]]") -> Opened:
        done = future.result()
        if isinstance(done, bytes):
            try:
                done = decode_picture(done, self._max_pixels, workers=self._workers)
            except Exception as error:  # noqa: BLE001 - as above
                done = told(error)
        if isinstance(done, dict):
            return Opened(name, None, done)
        return Opened(name, done.image, truncated=done.truncated)
