"""Attacks by streams: messages that cost much and say little, and answers that nobody reads."""

import asyncio

import numpy as np
from PIL import Image as Pillow
from websockets.frames import Opcode

from benchmarks.attacks.catalogue import attack
from benchmarks.attacks.target import Client, Connection, Target, binary_frame, meanwhile, text_frame
from benchmarks.pictures import crowd, jpeg

STREAMS = 60
"""As many as one client may have at once, by default."""

UPDATE = text_frame('{"type": "session.update", "annotate": false}')
PING = binary_frame(bytes(125), Opcode.PING)

MESSAGE_BYTES = 9_900_000
"""Just under what is cut off: twice MIEN_STREAM_MAX_FRAME_BYTES."""


def _sending(target: Target, data: bytes, clients: int) -> list[Client]:
    """Return clients that open a stream and send the same again and again, reading all answers."""

    async def send() -> None:
        async with await target.stream() as connection, meanwhile(connection.drop_all()) as reading:
            while not reading.done():
                connection.writer.write(data)
                await connection.writer.drain()
                await asyncio.sleep(0)
            await reading

    return [send] * clients


@attack(5)
def session_updates(target: Target) -> list[Client]:
    """60 streams send session.update as fast as it is read."""
    return _sending(target, UPDATE * 200, STREAMS)


@attack(5)
def broken_updates(target: Target) -> list[Client]:
    """60 streams send texts that are no update: broken JSON, deep JSON, JSON of a megabyte, no UTF-8."""
    deep, long = text_frame("[" * 4_000), text_frame('"' + "a" * 1_000_000)
    kinds = [text_frame("{") * 200, deep * 50, long, binary_frame(b"\xff", Opcode.TEXT)]
    return [client for kind in kinds for client in _sending(target, kind, STREAMS // len(kinds))]


@attack(5)
def pings(target: Target) -> list[Client]:
    """60 streams send 2,000 pings at once, and connect anew when they are cut off."""
    return _sending(target, PING * 2_000, STREAMS)


@attack(5)
def unread_pongs(target: Target) -> list[Client]:
    """60 streams send pings and read no pong."""

    async def send() -> None:
        async with await target.stream(receive_buffer_bytes=4_096) as connection:
            while not connection.writer.is_closing():
                connection.writer.write(PING * 10)
                async with asyncio.timeout(5):
                    await connection.writer.drain()
                await asyncio.sleep(0.02)

    return [send] * STREAMS


@attack(5)
def tiny_fragments(target: Target) -> list[Client]:
    """60 streams send messages in fragments of one byte."""
    first, more = binary_frame(b"a", fin=False), binary_frame(b"a", Opcode.CONT, fin=False)
    last = binary_frame(b"a", Opcode.CONT)
    return _sending(target, first + more * 900 + last, STREAMS)


@attack(13)
def unfinished_messages(target: Target) -> list[Client]:
    """60 streams send a message of 9.9 MB but for its end, and hold on."""
    start = binary_frame(bytes(MESSAGE_BYTES), fin=False)

    async def hold() -> None:
        async with await target.stream() as connection:
            connection.writer.write(start)
            await connection.drop_all()

    return [hold] * STREAMS


@attack(13)
def unread_pictures(target: Target) -> list[Client]:
    """60 streams have large frames drawn, and read none."""
    noise = np.random.default_rng(0).integers(0, 256, (500, 700, 3), dtype=np.uint8)
    frame = binary_frame(jpeg(Pillow.fromarray(noise).resize((5_600, 4_000), Pillow.Resampling.NEAREST)))
    annotate = text_frame('{"type": "session.update", "annotate": true}')

    async def send() -> None:
        async with await target.stream(receive_buffer_bytes=4_096) as connection:
            connection.writer.write(annotate)
            while not connection.writer.is_closing():
                connection.writer.write(frame)
                target.seen["frames"] += 1
                await connection.writer.drain()
                await asyncio.sleep(0.5)

    return [send] * STREAMS


@attack(14)
def all_sessions(target: Target) -> list[Client]:
    """100 clients of one address open a stream, and hold it."""

    async def hold() -> None:
        async with await target.stream() as connection:
            await connection.drop_all()

    return [hold] * 100


@attack(14)
def fast_streams(target: Target) -> list[Client]:
    """60 clients open a stream and leave, as fast as they can."""

    async def visit() -> None:
        async with await target.stream():
            pass

    return [visit] * STREAMS


@attack(16)
def faces_that_never_return(target: Target) -> list[Client]:
    """10 streams show crowds whose faces are elsewhere in each frame."""
    shown = crowd(144)
    frames = [binary_frame(jpeg(_shifted(shown, 40 * step))) for step in range(1, 12, 3)]

    async def send(connection: Connection) -> None:
        for number in range(1_000_000):
            connection.writer.write(frames[number % len(frames)])
            target.seen["frames"] += 1
            await connection.writer.drain()
            await asyncio.sleep(1 / 25)

    async def show() -> None:
        async with await target.stream() as connection, meanwhile(send(connection)):
            await connection.drop_all()

    return [show] * 10


def _shifted(picture: Pillow.Image, by_px: int) -> Pillow.Image:
    return Pillow.fromarray(np.roll(np.asarray(picture), (by_px, 2 * by_px), axis=(0, 1)))
