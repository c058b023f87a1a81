"""The soak command itself, for seconds where a person lets it run for minutes."""

import subprocess
import sys

import pytest

from tests.system.server import ROOT

pytestmark = pytest.mark.slow


def test_a_short_soak_ends_well():
    command = [sys.executable, "-m", "benchmarks.soak", "--minutes", "0.1", "--clients", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'200': " in done.stdout
    assert "slope" in done.stdout
    assert "mixed-up answers: 0" in done.stdout
