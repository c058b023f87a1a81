"""How `mien` is started here."""

import os
import sys

from tests.support.server_process import ROOT

MIEN = [sys.executable, "-m", "app"]
THREADS = 1
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MIEN_THREADS": str(THREADS)}
"""One thread: on a machine that is busy otherwise, threads that wait for each other are ten times slower."""
