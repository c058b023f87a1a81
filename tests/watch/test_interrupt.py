import subprocess
import sys

import pytest

SWALLOWED = """
import signal
from app.watch.interrupt import noticed_interrupts

def raised(act):
    try:
        act()
    except KeyboardInterrupt:
        return True
    return False

kind = signal.Signals[{kind!r}]
before = signal.getsignal(kind)
with noticed_interrupts() as check:
    print(raised(check), raised(lambda: signal.raise_signal(kind)), raised(check))
print(signal.getsignal(kind) is before)
"""


@pytest.mark.parametrize("kind", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupt_that_was_swallowed_is_raised_by_the_check(kind):
    """In a process of its own: OpenVINO gives its thread another signal stack, and takes it away again."""
    code = SWALLOWED.format(kind=kind)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True", "True", "True"]
