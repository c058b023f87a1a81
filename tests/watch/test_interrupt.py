import signal

import pytest

from app.watch.interrupt import noticed_interrupts


def test_an_interrupt_that_was_swallowed_is_raised_by_the_check():
    before = signal.getsignal(signal.SIGINT)
    with noticed_interrupts() as check:
        check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before
