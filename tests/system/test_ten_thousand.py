"""`mien batch` over ten thousand pictures: as fast as the bare loop, in a memory that does not grow, whatever kills it.

pytest -m long tests/system/test_ten_thousand.py        takes an hour on two cores; PICTURES=1000 makes it shorter
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.support.album import write_mixed_album
from tests.support.server_process import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(4 * 3600)]

PICTURES = int(os.environ.get("PICTURES", "10000"))
LEAST_SHARE, MOST_GROWTH = 0.95, 1.05


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    return write_mixed_album(tmp_path_factory.mktemp("album"), PICTURES)


def measured(way, album, out):
    command = [sys.executable, "-m", "benchmarks.archive", album, way, "--out", out]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def whole(album, tmp_path_factory):
    """An undisturbed run: its figures and its output."""
    out = tmp_path_factory.mktemp("whole") / "x.parquet"
    figures = measured("batch", album, out)
    sys.stdout.write(f"{figures}\n")
    return figures, out.read_bytes()


def test_as_fast_as_the_bare_loop(album, whole, tmp_path):
    bare = measured("bare", album, tmp_path / "none")
    sys.stdout.write(f"{bare}\n")
    assert whole[0]["pictures"] == bare["pictures"] == PICTURES
    assert whole[0]["per_second"] >= LEAST_SHARE * bare["per_second"]


def test_memory_does_not_grow(whole):
    figures, _ = whole
    assert figures["mb_at_the_end"] <= MOST_GROWTH * figures["mb_after_a_tenth"]


def test_killed_three_times_the_output_is_the_same(album, whole, tmp_path):
    figures, right = whole
    out, draw = tmp_path / "x.parquet", random.Random()  # noqa: S311 - moments to be killed
    command = [sys.executable, "-m", "app", "batch", album, "--out", out]
    for _ in range(3):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0.1, 0.3) * figures["seconds"])
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not out.exists()
    subprocess.run(command, cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    assert out.read_bytes() == right
