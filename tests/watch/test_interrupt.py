import signal

import pytest

from app.watch.interrupt import noticed_interrupts


@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_that_was_swallowed_is_raised_by_the_check(kind):
    kind = getattr(signal, kind)
    before = signal.getsignal(kind)
    with noticed_interrupts() as check:
        check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(kind)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(kind) is before
