"""Standard output that ends early, in processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.terminal import GONE

LINES = """
import sys
from app.terminal import written_out
try:
    with written_out():
        for _ in range(int(sys.argv[1])):
            print("x" * 1000)
except OSError as error:
    print(error.strerror, file=sys.stderr)
    sys.exit(1)
"""


@pytest.mark.parametrize("lines", ["1", "1000"])
def test_a_full_disk_is_one_line(lines):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", LINES, lines], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "No space left on device\n")


def test_a_reader_who_leaves_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-c", LINES, "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "x" * 1000 + "\n"
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait(60) == GONE
