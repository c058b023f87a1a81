"""An event loop whose clock jumps to the next timer when nothing else is to be done: hours pass in no time."""

import asyncio
import selectors


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For code without threads and sockets: whatever comes from outside would come hours late."""

    def __init__(self):
        self.passed_s = 0.0
        super().__init__(_Jumping(self))

    def time(self):
        return self.passed_s


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop):
        super().__init__()
        self.loop = loop

    def select(self, timeout=None):
        if timeout is not None and timeout > 0:
            self.loop.passed_s += timeout
            timeout = 0
        return super().select(timeout)


def run(coroutine):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)
