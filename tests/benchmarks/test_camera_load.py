"""The benchmark of cameras on a machine that others use, too."""

import subprocess
import sys
import time

from benchmarks.cameras.load import Elsewhere

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
