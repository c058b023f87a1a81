"""How many connections there may be, and which one ends."""

import asyncio

from app.transport.connections import Connections
from app.transport.descriptors import KEPT, connections_that_fit, raise_limit
from app.transport.proxies import Proxies
from tests.transport.support import all_that_comes, answer_at_once, finish, listening

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Line:
    def __init__(self, unread_bytes=0):
        self.unread_bytes, self.is_closed = unread_bytes, False

    def get_write_buffer_size(self):
        return self.unread_bytes

    def close(self):
        self.is_closed = True


def table(most=8, most_of_one=100, proxies=None, clock=lambda: 0.0):
    return Connections(most, most_of_one, Proxies(proxies), clock)


def opened(connections, addresses):
    lines = [Line() for _ in addresses]
    assert all(connections.open(line, address) for line, address in zip(lines, addresses, strict=True))
    return lines


def test_the_one_that_has_been_idle_the_longest_ends():
    connections = table()
    lines = opened(connections, [f"192.0.2.{number}" for number in range(8)])
    connections.busy(lines[0])
    connections.busy(lines[1])
    connections.idle(lines[1])  # it has had an answer meanwhile
    assert connections.open(Line(), "192.0.2.9")
    assert [line.is_closed for line in lines] == [False, False, True, *[False] * 5]
    assert len(connections) == 8


def test_an_answer_that_is_being_read_is_not_cut():
    connections = table(most=1)
    reading = Line(unread_bytes=1)
    assert connections.open(reading, "192.0.2.1")
    assert not connections.open(Line(), "192.0.2.2")
    assert not reading.is_closed


def test_there_is_no_room_while_all_are_busy_and_again_when_one_has_ended():
    connections = table()
    lines = opened(connections, [f"192.0.2.{number}" for number in range(8)])
    for line in lines:
        connections.busy(line)
    assert not connections.open(Line(), "192.0.2.9")
    connections.closed(lines[0])
    assert connections.open(Line(), "192.0.2.9")


def test_an_address_ends_its_own_and_some_stay_free_for_others():
    connections = table()
    other, *mine = opened(connections, ["192.0.2.1", *["192.0.2.2"] * 7])
    assert connections.open(Line(), "192.0.2.2")  # the eighth of eight: one is kept for others
    assert [line.is_closed for line in (other, *mine)] == [False, True, *[False] * 6]


def test_an_ipv6_network_is_one_address_and_a_proxy_speaks_for_many():
    for address, proxies, ends in (
        ("2001:db8::%d", None, True), ("192.0.2.%d", None, False), ("2001:db8::%d", "2001:db8::/32", False),
    ):  # fmt: skip
        lines = opened(table(100, 2, proxies), [address % number for number in range(1, 4)])
        assert lines[0].is_closed == ends


def test_a_full_table_is_logged_once_a_minute(caplog):
    now = [0.0]
    connections = table(most=1, clock=lambda: now[0])
    for second in (0, 1, 59, 60):
        now[0] = second
        assert connections.open(Line(), f"192.0.2.{second}")
    assert len([each for each in caplog.records if "idle the longest" in each.message]) == 1
    now[0] = 121
    assert connections.open(Line(), "192.0.2.200")
    assert len([each for each in caplog.records if "idle the longest" in each.message]) == 2


def test_silent_clients_do_not_keep_others_from_their_answers():
    async def run():
        connections = Connections(10, 10, Proxies())
        async with listening(answer_at_once, connections=connections) as address:
            silent = [await asyncio.open_connection(*address) for _ in range(50)]
            reader, writer = await asyncio.open_connection(*address)
            writer.write(ASK)
            assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            assert len(connections) <= 10
            assert await all_that_comes(silent[0][0]) == b""
            for each in (writer, *(writer for _, writer in silent)):
                await finish(each)
        assert len(connections) == 0

    asyncio.run(run())


def test_one_too_many_is_told_where_all_are_in_work():
    async def run():
        began, go_on = asyncio.Event(), asyncio.Event()

        async def app(scope, receive, send):
            began.set()
            await go_on.wait()
            await answer_at_once(scope, receive, send)

        async with listening(app, connections=Connections(1, 1, Proxies())) as address:
            first, writer = await asyncio.open_connection(*address)
            writer.write(ASK)
            await asyncio.wait_for(began.wait(), 30)
            second, other = await asyncio.open_connection(*address)
            assert (await all_that_comes(second)).startswith(b"HTTP/1.1 503 ")
            go_on.set()
            assert b" 200 " in await asyncio.wait_for(first.readuntil(b"\r\n\r\n"), 30)
            await finish(writer)
            await finish(other)

    asyncio.run(run())


def test_the_limit_of_descriptors_is_raised():
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 512), hard))
    try:
        assert connections_that_fit() == min(hard, 512) - KEPT
        raise_limit()
        assert connections_that_fit() == min(hard, 65_536) - KEPT
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
