"""Clients that send no more: some wait for their answer, some have left."""

import asyncio
import socket

import pytest

from tests.transport.support import all_that_comes, answer_at_once, finish, listening


async def ask_and_half_close(address, sent):
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    writer.write_eof()
    answer = await all_that_comes(reader)
    await finish(writer)
    return answer


async def answer_later(scope, receive, send):
    await asyncio.sleep(0.2)
    await answer_at_once(scope, receive, send)


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1),
        (b"GET / HTTP/1.0\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 1),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 1),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3, 3),
        (b"", 0),
        (b"GET / HT", 0),
    ],
    ids=["1.1", "1.0", "a body", "chunks", "three ahead", "nothing", "half a line"],
)
@pytest.mark.parametrize("app", [answer_at_once, answer_later])
def test_whole_requests_are_answered(app, sent, answers):
    async def run():
        async with listening(app) as address:
            answer = await ask_and_half_close(address, sent)
        assert answer.count(b" 200 ") == answers

    asyncio.run(run())


def test_a_client_that_has_left_is_noticed_while_its_request_is_in_work():
    async def run():
        began = asyncio.Event()
        told = asyncio.get_running_loop().create_future()

        async def app(_scope, receive, _send):
            await receive()
            began.set()
            told.set_result((await receive())["type"])

        async with listening(app) as address:
            with socket.create_connection(address) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await asyncio.wait_for(began.wait(), 30)
            assert await asyncio.wait_for(told, 30) == "http.disconnect"

    asyncio.run(run())


def test_half_a_body_is_no_request():
    async def run():
        async with listening(answer_at_once) as address:
            assert (
                await ask_and_half_close(address, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab") == b""
            )

    asyncio.run(run())
