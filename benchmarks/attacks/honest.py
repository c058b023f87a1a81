"""Honest clients beside an attack: what they ask, whether they are answered rightly, and how long it takes."""

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from benchmarks.attacks.target import Target
from benchmarks.http_client import post, read_answer
from benchmarks.pictures import different
from benchmarks.right_answers import Face, check_distinct, distance, faces_of, is_close

PROBE_EVERY_S, STREAM_EVERY_S = 0.02, 0.5
HUNG_S = 30.0
"""As MIEN_DEADLINE_S; an answer that took longer, or never came, hung."""

AFTER_A_FAILURE_S = 0.05
KEY = "honest"
"""The API key that they send; a server without keys does not look at it."""

PROBE = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
OK = 200


@dataclass
class Watched:
    """What honest clients saw in some time.

    Attributes:
        livez_ms: Time of each /livez, from the connection to the answer; one that did not come counts as `HUNG_S`.
        detect_ms: Time of each right answer of /detect.
        asked: Requests to /detect.
        wrong: Answers that were another picture's, or not as they are in quiet.
        hung: Answers that did not come in `HUNG_S`.
        refused: Others than 200, and connections that broke.
        streams: Streams that were opened, one frame each.
        streams_failed: Those that were refused, or not answered rightly.
    """

    livez_ms: list[float] = field(default_factory=list)
    detect_ms: list[float] = field(default_factory=list)
    asked: int = 0
    wrong: int = 0
    hung: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    streams: int = 0
    streams_failed: Counter[str] = field(default_factory=Counter)

    @property
    def median_ms(self) -> float:
        """Of the right answers of /detect; infinite if there are none."""
        return statistics.median(self.detect_ms) if self.detect_ms else float("inf")


class Honest:
    """As many clients as pictures, a prober of /livez, and one client that opens streams.

    Args:
        targets: The server as each client reaches it, each from its own address if there are any; the first is the
            prober's, the second the stream's.
        clients: How many ask /detect.
    """

    def __init__(self, targets: Sequence[Target], clients: int) -> None:
        self._prober, self._stream, *self._targets = targets
        pictures = different(clients)
        self._picture = pictures[0]
        self._requests = [_with_key(post("/detect", each)) for each in pictures]
        self._known: list[list[Face]] = []

    async def learn(self) -> None:
        """Ask about each picture once, in quiet.

        Raises:
            ConnectionError: If one is not answered.
            RuntimeError: If a mixed-up answer would not be seen.
        """
        self._known = []
        for target, request in zip(self._targets, self._requests, strict=True):
            async with await target.open() as connection:
                connection.writer.write(request)
                status, _, body = await read_answer(connection.reader)
                if status != OK:
                    raise ConnectionError(f"A picture is not answered in quiet, but refused: {status}.")
                self._known.append(faces_of(body))
        check_distinct(self._known)

    async def watch(self, until: Awaitable[object]) -> Watched:
        """Ask until something has happened, and wait for the last answers."""
        seen, stop = Watched(), asyncio.Event()
        asking = [asyncio.create_task(_repeat(stop, self._probe, seen, PROBE_EVERY_S))]
        asking += [asyncio.create_task(_repeat(stop, self._open_stream, seen, STREAM_EVERY_S))]
        asking += [asyncio.create_task(self._client(number, stop, seen)) for number in range(len(self._targets))]
        await until
        stop.set()
        await asyncio.gather(*asking)
        return seen

    async def _probe(self, seen: Watched) -> None:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(HUNG_S), await self._prober.open() as connection:
                connection.writer.write(PROBE)
                status = await connection.answer()
        except OSError:
            status = 0
        took_s = time.perf_counter() - began if status == OK else HUNG_S
        seen.livez_ms.append(took_s * 1e3)

    async def _client(self, number: int, stop: asyncio.Event, seen: Watched) -> None:
        while not stop.is_set():
            try:
                async with await self._targets[number].open() as connection:
                    while not stop.is_set():
                        seen.asked += 1
                        began = time.perf_counter()
                        async with asyncio.timeout(HUNG_S):
                            connection.writer.write(self._requests[number])
                            status, _, body = await read_answer(connection.reader)
                        self._judge(number, status, body, (time.perf_counter() - began) * 1e3, seen)
                        if status != OK:
                            await asyncio.sleep(AFTER_A_FAILURE_S)
            except TimeoutError:
                seen.hung += 1
            except OSError as error:
                seen.refused[type(error).__name__] += 1
                await asyncio.sleep(AFTER_A_FAILURE_S)

    def _judge(self, number: int, status: int, body: bytes, took_ms: float, seen: Watched) -> None:
        if status != OK:
            seen.refused[str(status)] += 1
        elif is_close(distance(self._known[number], faces_of(body)), "auto"):
            seen.detect_ms.append(took_ms)
        else:
            seen.wrong += 1

    async def _open_stream(self, seen: Watched) -> None:
        seen.streams += 1
        where, source = f"ws://{self._stream.host}:{self._stream.port}/detect/stream", self._stream.source
        mine: dict[str, Any] = {} if source is None else {"local_addr": (source, 0)}
        try:
            async with (
                asyncio.timeout(HUNG_S),
                connect(where, compression=None, proxy=None, additional_headers={"X-API-Key": KEY}, **mine) as stream,
            ):
                await stream.recv()
                await stream.send(self._picture)
                answer = json.loads(await stream.recv())
            if answer["type"] != "frame.result":
                seen.streams_failed[str(answer.get("code"))] += 1
            elif not is_close(distance(self._known[0], faces_of(json.dumps(answer).encode())), "auto"):
                seen.streams_failed["wrong"] += 1
        except (OSError, WebSocketException) as error:
            seen.streams_failed[type(error).__name__] += 1


async def _repeat(
    stop: asyncio.Event, act: Callable[[Watched], Awaitable[None]], seen: Watched, every_s: float
) -> None:
    while not stop.is_set():
        await act(seen)
        await asyncio.sleep(every_s)


def _with_key(request: bytes) -> bytes:
    return request.replace(b"\r\n", f"\r\nX-API-Key: {KEY}\r\n".encode(), 1)
