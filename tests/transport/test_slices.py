"""What is sent at once is parsed a slice at a time."""

import asyncio

from app.serving.turns import Turns
from app.transport.slices import SLICE_BYTES, HeldFlow, Inbox


class Reading(asyncio.Transport):
    def __init__(self):
        super().__init__()
        self.is_read = True

    def pause_reading(self):
        self.is_read = False

    def resume_reading(self):
        self.is_read = True


def test_others_have_their_turn_between_two_slices_and_nothing_is_read_meanwhile():
    async def run():
        transport, parsed = Reading(), []
        flow = HeldFlow(transport)
        inbox = Inbox(Turns(), "a", flow, parsed.append, lambda: SLICE_BYTES)
        inbox.put(bytes(3 * SLICE_BYTES))
        await asyncio.sleep(0)  # the first turn ends
        for slices in (1, 2):
            assert len(parsed) == slices
            assert not transport.is_read
            flow.pause_reading()
            flow.resume_reading()  # as the application does when it wants more
            assert not transport.is_read
            await asyncio.sleep(0)
        assert [len(each) for each in parsed] == [SLICE_BYTES] * 3
        assert transport.is_read

    asyncio.run(run())


def test_the_end_of_the_slices_does_not_read_on_for_an_application_that_has_enough():
    async def run():
        transport, parsed = Reading(), []
        flow = HeldFlow(transport)
        Inbox(Turns(), "a", flow, parsed.append, lambda: SLICE_BYTES).put(bytes(2 * SLICE_BYTES))
        flow.pause_reading()
        await asyncio.sleep(0)  # the first turn ends
        await asyncio.sleep(0)
        assert len(parsed) == 2
        assert not transport.is_read
        flow.resume_reading()
        assert transport.is_read

    asyncio.run(run())


def test_what_is_dropped_is_not_parsed():
    async def run():
        parsed = []
        inbox = Inbox(Turns(), "a", HeldFlow(Reading()), parsed.append, lambda: SLICE_BYTES)
        inbox.put(bytes(2 * SLICE_BYTES))
        inbox.drop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(parsed) == 1

    asyncio.run(run())


def test_who_waits_for_a_turn_is_not_read_meanwhile():
    async def run():
        turns, transport, parsed = Turns(), Reading(), []
        turns.take("a", lambda: None)
        Inbox(turns, "a", HeldFlow(transport), parsed.append, lambda: SLICE_BYTES).put(b"1")
        assert not parsed
        assert not transport.is_read
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert parsed == [b"1"]
        assert transport.is_read

    asyncio.run(run())
