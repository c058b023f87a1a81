"""What ends streams when nobody asks a replica any more."""

import asyncio

from app.deploy.silence import Silence


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when it is told so."""

    now_s = 0.0

    def time(self):
        return self.now_s

    def pass_time(self, seconds):
        self.now_s += seconds
        self.run_until_complete(asyncio.sleep(0))


def test_a_silence_is_noticed_once_and_again_after_a_sign():
    loop, noticed = Clock(), []
    silence = Silence(10, lambda: noticed.append(loop.time()))

    async def heard():
        silence.heard()

    try:
        for _ in range(3):
            loop.run_until_complete(heard())
            loop.pass_time(9)
        assert noticed == []
        loop.pass_time(2)
        loop.pass_time(100)
        assert noticed == [29]
        loop.run_until_complete(heard())
        loop.pass_time(11)
        assert noticed == [29, 140]
    finally:
        loop.close()
