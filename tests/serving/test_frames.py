import asyncio

import pytest

from app.serving.frames import MAX_UNANSWERED, Dropped, Frame, FrameQueue, FrameRate


def frame(seq):
    return Frame(seq, b"picture", float(seq))


async def drain(queue):
    await queue.close()
    items = []
    while (item := await queue.get()) is not None:
        items.append(item)
    return items


def test_only_the_newest_frame_waits_and_the_order_is_kept():
    async def steps():
        queue = FrameQueue()
        for item in (frame(0), frame(1), Dropped(2, "rate"), "notice", frame(3), Dropped(4, "rate")):
            await queue.put(item)
        return await drain(queue)

    assert asyncio.run(steps()) == [
        Dropped(0, "superseded"), Dropped(1, "superseded"), Dropped(2, "rate"), "notice", frame(3), Dropped(4, "rate"),
    ]  # fmt: skip


def test_a_taken_frame_is_no_longer_superseded():
    async def steps():
        queue = FrameQueue()
        await queue.put(frame(0))
        taken = await queue.get()
        await queue.put(frame(1))
        return taken, await drain(queue)

    assert asyncio.run(steps()) == (frame(0), [frame(1)])


def test_get_waits_for_the_next_item_and_ends_with_the_queue():
    async def steps():
        queue = FrameQueue()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        await queue.put(frame(0))
        assert await waiting == frame(0)
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        await queue.close()
        assert await waiting is None

    asyncio.run(steps())


def test_put_waits_when_too_much_is_unanswered():
    async def steps():
        queue = FrameQueue()
        for seq in range(MAX_UNANSWERED):
            await queue.put(Dropped(seq, "rate"))
        waiting = asyncio.create_task(queue.put(frame(MAX_UNANSWERED)))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not waiting.done()
        assert await queue.get() == Dropped(0, "rate")
        await waiting
        assert len(await drain(queue)) == MAX_UNANSWERED

    asyncio.run(steps())


@pytest.mark.parametrize("per_second", [0.5, 2.0, 30.0])
def test_the_rate_holds_in_the_long_run_and_allows_a_clump(per_second):
    rate = FrameRate(per_second)
    at_once = sum(rate.admits(0.0) for _ in range(100))
    assert at_once == max(1, per_second // 2)
    later = sum(rate.admits(index / 100) for index in range(1, 6001))
    assert later == pytest.approx(60 * per_second, abs=1)


@pytest.mark.parametrize("fps", [15, 29.9])
def test_a_steady_stream_within_the_rate_is_never_dropped(fps):
    rate = FrameRate(30.0)
    assert all(rate.admits(100 + index / fps) for index in range(2000))
