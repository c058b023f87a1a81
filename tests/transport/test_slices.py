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
        flow = HeldFlow(transport, Turns(), "a")
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


def test_a_body_whose_length_the_head_says_is_taken_with_the_head():
    async def run():
        parsed = []
        left = {0: 0, 1: 9 * SLICE_BYTES, 2: 0}  # of the body, by the slices parsed
        inbox = Inbox(
            Turns(), "a", HeldFlow(Reading(), Turns(), "a"), parsed.append, lambda: max(SLICE_BYTES, left[len(parsed)])
        )
        inbox.put(bytes(12 * SLICE_BYTES))
        assert [len(each) for each in parsed] == [SLICE_BYTES, 9 * SLICE_BYTES]

    asyncio.run(run())


def test_the_end_of_the_slices_does_not_read_on_for_an_application_that_has_enough():
    async def run():
        transport, parsed = Reading(), []
        flow = HeldFlow(transport, Turns(), "a")
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
        inbox = Inbox(Turns(), "a", HeldFlow(Reading(), Turns(), "a"), parsed.append, lambda: SLICE_BYTES)
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
        Inbox(turns, "a", HeldFlow(transport, Turns(), "a"), parsed.append, lambda: SLICE_BYTES).put(b"1")
        assert not parsed
        assert not transport.is_read
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert parsed == [b"1"]
        assert transport.is_read

    asyncio.run(run())


def test_of_many_answers_to_one_client_that_could_go_on_one_does_in_a_turn():
    async def run():
        turns, on_their_way = Turns(), []
        flows = [HeldFlow(Reading(), turns, "a") for _ in range(10)]

        async def answer(flow):
            await flow.drain()
            on_their_way.append(flow)

        for each in flows:
            each.pause_writing()
        answering = [asyncio.create_task(answer(each)) for each in flows]
        await asyncio.sleep(0.01)
        assert on_their_way == []
        for each in flows:
            each.resume_writing()
        while len(on_their_way) < len(flows):
            before = len(on_their_way)
            await asyncio.sleep(0)
            assert len(on_their_way) <= before + 1
        await asyncio.gather(*answering)

    asyncio.run(run())
