"""The benchmark of cameras on a machine that others use, too."""

import subprocess
import sys
import time

from benchmarks.cameras.load import Elsewhere, busy_s

BUSY_S = 0.5
BURN = f"import time\nwhile time.process_time() < {BUSY_S}: pass"


class Idle:
    """A server that takes no processor time."""

    def processor_s(self):
        return 0.0


def test_what_other_programs_take_of_the_processor_is_told():
    began, elsewhere = time.perf_counter(), Elsewhere(Idle())
    subprocess.run([sys.executable, "-c", BURN], check=True)
    assert elsewhere.cores() * (time.perf_counter() - began) > 0.8 * BUSY_S


def test_waiting_stolen_and_guests_time_count_for_nobody_and_once():
    times = {"user": 5.0, "nice": 1.0, "system": 2.0, "irq": 0.5, "softirq": 0.25, "guest": 3.0, "guest_nice": 1.0}
    assert busy_s({**times, "idle": 70.0, "iowait": 20.0, "steal": 9.0}) == 8.75
