"""Attacks by connections themselves."""

import asyncio

from benchmarks.attacks.catalogue import attack
from benchmarks.attacks.requests import get
from benchmarks.attacks.target import Client, Target, meanwhile


@attack(15)
def silent_connections(target: Target) -> list[Client]:
    """1,100 connections that say nothing, to a server that may open 1,024 files; what is closed is opened anew."""

    async def stay() -> None:
        async with await target.open() as connection:
            target.seen["opened"] += 1
            await connection.drop_all()

    return [stay] * 1_100


@attack(15)
def slow_heads(target: Target) -> list[Client]:
    """1,100 connections that send a header's byte a second."""

    async def dribble() -> None:
        async with await target.open() as connection:
            connection.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            async with meanwhile(connection.drop_all()) as gone:
                while not gone.done():
                    connection.writer.write(b"a")
                    await asyncio.wait([gone], timeout=1.0)
                await gone

    return [dribble] * 1_100


@attack(15)
def unread_answers(target: Target) -> list[Client]:
    """400 clients ask for the page's largest file sixteen times, and read nothing."""
    request = get(b"/web/swagger-ui/swagger-ui-bundle.js") * 16

    async def ask() -> None:
        async with await target.open(receive_buffer_bytes=4_096) as connection:
            connection.writer.write(request)
            target.seen["asked"] += 1
            await asyncio.sleep(3_600)

    return [ask] * 400


@attack(15)
def fast_reconnects(target: Target) -> list[Client]:
    """40 clients connect, ask for nothing and leave, as fast as they can."""

    async def visit() -> None:
        async with await target.open():
            target.seen["opened"] += 1

    return [visit] * 40
