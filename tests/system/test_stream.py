"""The stream of a real server process with the real weights."""

import io
import json
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image as Pillow
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.photos import photo_path
from tests.support.server_process import ROOT, running_server
from tests.system.command import THREADS
from tests.system.crossings import CROSSING_S

pytestmark = pytest.mark.slow


def jpeg(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def test_a_camera_with_two_crossing_faces(tmp_path, crossing):
    """Each frame shows where the faces are now, and the next is sent after the answer.

    How fast these come depends on the machine: test_watch.py has the ids of the same faces at a video's own times.
    """
    most = 0
    with (
        running_server(tmp_path, threads=THREADS, stream_max_frames_per_second=1000) as server,
        connect(server.stream_address, max_size=None) as session,
    ):
        session.recv()
        began = time.monotonic()
        while (at_s := time.monotonic() - began) < CROSSING_S:
            session.send(jpeg(crossing.picture(at_s)))
            result = json.loads(session.recv(timeout=30))
            assert result["type"] == "frame.result", result
            ids = {face["track_id"] for face in result["faces"]}
            assert len(ids) == len(result["faces"]) <= 2
            most = max(most, len(ids))
            for face in result["faces"]:
                assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert most == 2


def test_annotated_pictures_and_a_goodbye(server):
    with connect(server.stream_address, max_size=None) as session:
        session.recv()
        session.send(json.dumps({"type": "session.update", "annotate": True}))
        session.recv()
        session.send(photo_path("zidane").read_bytes())
        assert len(json.loads(session.recv(timeout=30))["faces"]) == 2
        with Pillow.open(io.BytesIO(session.recv(timeout=30))) as annotated:
            assert annotated.size == (1280, 720)
        session.send(photo_path("bus").read_bytes())
        server.process.send_signal(signal.SIGTERM)
        assert len(list(session)) <= 2  # if it came in time the last frame is answered: picture and result, or error
        assert session.close_code == 1001
    assert server.process.wait(timeout=30) in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log


def test_messages_too_big_are_refused_with_a_goodbye(server):
    with connect(server.stream_address, max_size=None) as session:
        session.recv()
        session.send(bytes(5_000_001))
        error = json.loads(session.recv(timeout=30))
        assert (error["type"], error["seq"], error["status"]) == ("frame.error", 0, 413)
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(timeout=30)
        assert closed.value.rcvd.code == 1009
    assert "Traceback" not in server.log


def test_the_client_of_the_documentation(server, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    pictures = [photo_path("zidane"), tmp_path / "broken.jpg"]
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "clients" / "stream.py", server.stream_address, *map(str, pictures)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    session, first, second = done.stdout.splitlines()
    assert session.startswith("session ")
    assert first.startswith("0\t#1 ")
    assert "\t#2 " in first
    assert second.startswith("1\tframe.error\t")
