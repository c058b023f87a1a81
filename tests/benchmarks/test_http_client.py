import asyncio
from email.parser import BytesParser
from itertools import pairwise

import pytest

from benchmarks.http_client import ask_all, post, post_form, read_answer


async def echo(reader, writer):
    """Answers each request with its own body, until the client leaves; status 503 for the body `busy`."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        status = b"503 Busy" if body == b"busy" else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()


async def hang_up(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def ask(handler, sources):
    answers = []

    async def handle(reader, writer):
        try:
            await handler(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        await ask_all(server.sockets[0].getsockname()[1], sources, answers.append)
    return answers


def test_every_client_gets_its_own_answers_one_after_the_other():
    sources = [[post("/detect", b"%d-%d" % (client, number)) for number in range(5)] for client in range(8)]

    answers = asyncio.run(ask(echo, sources))

    for client in range(8):
        mine = [each for each in answers if each.client == client]
        assert [each.body for each in mine] == [b"%d-%d" % (client, number) for number in range(5)]
        assert all(one.ended_s <= other.began_s for one, other in pairwise(mine))


def test_the_status_is_told():
    answers = asyncio.run(ask(echo, [[post("/detect", b"fine"), post("/detect", b"busy")]]))

    assert [each.status for each in answers] == [200, 503]


def test_a_broken_connection_is_an_error():
    with pytest.raises(ConnectionError, match="broke a connection off"):
        asyncio.run(ask(hang_up, [[post("/detect", b"picture")]]))


def test_a_form_holds_the_file():
    head, _, body = post_form("/detect", b"\xff\xd8 a jpeg").partition(b"\r\n\r\n")

    kind = head.partition(b"Content-Type: ")[2].partition(b"\r\n")[0]
    [part] = BytesParser().parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body).get_payload()
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_payload(decode=True) == b"\xff\xd8 a jpeg"


def test_interim_answers_are_passed_over():
    async def run():
        reader = asyncio.StreamReader()
        reader.feed_data(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return await read_answer(reader)

    assert asyncio.run(run())[::2] == (200, b"ok")
