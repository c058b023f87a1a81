"""`mien watch` as a real process with the real weights, on a video made of package photos."""

import csv
import signal
import subprocess
import time
from pathlib import Path

import pytest

from app.terminal import GONE
from app.watch.address import open_source
from app.watch.video import VideoWriter
from tests.system.command import ENVIRONMENT, MIEN
from tests.system.crossings import CROSSING_S

pytestmark = pytest.mark.slow

FPS = 15


@pytest.fixture(scope="module")
def video(tmp_path_factory, crossing):
    path = tmp_path_factory.mktemp("watch") / "crossing.mp4"
    with VideoWriter(path) as writer:
        for index in range(round(CROSSING_S * FPS)):
            writer.write(crossing.picture(index / FPS), index / FPS)
    return path


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_crossing_faces_keep_their_ids(video, crossing, tmp_path):
    out = tmp_path / "rows.csv"
    done = subprocess.run(
        [*MIEN, "watch", video, "--out", out], capture_output=True, text=True, timeout=600, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    assert "done: 150 frames" in done.stderr
    rows = rows_of(out)
    seen = {"near": set(), "far": set()}
    for row in rows:
        centre_x = float(row["x"]) + float(row["width"]) / 2
        if which := crossing.which(centre_x, float(row["time_s"])):
            seen[which].add(row["track_id"])
    assert 200 < len(rows) < 300
    assert [len(ids) for ids in seen.values()] == [1, 1]
    assert seen["near"] != seen["far"]


def test_ctrl_c_keeps_what_was_written(video, tmp_path):
    out, annotated = tmp_path / "rows.csv", tmp_path / "out.mp4"
    command = [*MIEN, "watch", video, "--out", out, "--annotate", annotated]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        patience = time.monotonic() + 180
        while not out.exists() or out.read_text().count("\n") < 6:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < patience
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "stopped: " in told
    frames = int(told.split("stopped: ")[1].split()[0])
    assert 2 <= frames < 150
    assert set(range(frames)) <= {int(row["frame"]) for row in rows_of(out)} <= set(range(frames + 1))
    assert len(list(open_source(str(annotated)))) in (frames, frames + 1)


def test_a_reader_who_has_enough_ends_it_quietly(video):
    process = subprocess.Popen(
        [*MIEN, "watch", video], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    with process.stdout, process.stderr:
        assert process.stdout.readline().startswith("{")
        process.stdout.close()
        told = process.stderr.read()
    assert process.wait(60) == GONE
    assert told.strip() == ""


def test_a_full_disk_is_one_line(video):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*MIEN, "watch", video], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, env=ENVIRONMENT
        )
    assert done.returncode == 1
    assert done.stderr.endswith("mien: standard output cannot be written: No space left on device.\n")
