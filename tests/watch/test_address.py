"""Pipes, names that look like a camera's number, and cameras that speak HTTP."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from app.errors import VideoUnavailable
from app.watch.address import open_source
from app.watch.newest import newest_frames
from app.watch.reconnect import Reconnecting
from tests.support.pictures import encode
from tests.watch.films import write_film
from tests.watch.frames import FRAMES

PIPED = """
import sys
from app.watch.address import open_source
source = open_source(sys.argv[1])
print(source.live, len(list(source)))
"""


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mkv", [("libx264", (64, 64), 120, 0.0)])


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
@pytest.mark.parametrize("piped", [True, False], ids=["pipe", "file"])
def test_standard_input(film, name, piped):
    command = [sys.executable, "-c", PIPED, name]
    given = {"input": film.read_bytes()} if piped else {"stdin": film.open("rb")}
    done = subprocess.run(command, capture_output=True, timeout=60, **given)
    if not piped:
        given["stdin"].close()
    assert done.stdout.split() == [b"False", b"10"], done.stderr


def test_a_fifo(film, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=lambda: (tmp_path / "fifo").write_bytes(film.read_bytes()))
    writer.start()
    assert len(list(open_source(str(tmp_path / "fifo")))) == 10
    writer.join(30)


def test_a_camera_that_is_not_there_is_told_by_one_line_alone(capfd):
    with pytest.raises(VideoUnavailable, match="Camera 96 cannot be opened"):
        open_source("96")
    assert "".join(capfd.readouterr()) == ""  # of what OpenCV writes from C++


def test_a_file_named_like_a_camera_is_a_file(make_video, tmp_path, monkeypatch):
    make_video("2024.mp4").rename(tmp_path / "2024")
    monkeypatch.chdir(tmp_path)
    assert len(list(open_source("2024"))) == FRAMES
    with pytest.raises(VideoUnavailable, match="Camera 97"):
        open_source("97")


@pytest.mark.parametrize("address", ["http://admin:s3cret@127.0.0.1:9/x?key=s3cret", "https://s3cret@127.0.0.1:9/x"])
def test_secrets_of_an_address_are_not_told(address):
    with pytest.raises(VideoUnavailable, match=r"127\.0\.0\.1:9/x") as told:
        open_source(address)
    assert "s3cret" not in str(told.value)


class Web:
    """Serves a film, and a camera that breaks off after five pictures and is gone after so many connections."""

    def __init__(self, film, connections):
        left = iter(range(connections))
        picture = encode(np.full((64, 64, 3), 120, np.uint8), "JPEG")

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == "/film.mkv":
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(film)))
                    self.end_headers()
                    self.wfile.write(film)
                elif next(left, None) is None:
                    self.send_error(503)
                else:
                    self.send_response(200)
                    self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=cut")
                    self.end_headers()
                    head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n".encode()
                    self.wfile.write((head + picture + b"\r\n") * 5 + b"--cut\r\n")

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)


def test_a_film_of_the_web_is_read_whole(film):
    with Web(film.read_bytes(), 0) as web:
        source = open_source(f"{web.address}/film.mkv", reconnect_s=30)
        assert not source.live
        assert len(list(source)) == 10
        source.close()


def test_a_camera_of_the_web_is_asked_again_and_then_given_up():
    with Web(b"", 3) as web:
        address = f"{web.address}/camera"
        first = open_source(address)
        source = Reconnecting(first, lambda: open_source(address), patience_s=0.3, pause_s=0.01)
        times = []
        with pytest.raises(VideoUnavailable, match="broke off"):
            times.extend(frame.time_s for frame in source)
        source.close()
    assert len(times) in (12, 13, 14, 15)  # the last picture of a connection may wait for the next boundary
    assert times == sorted(times)
    assert len(source.notices) == 3
    assert "Trying again for 0.3 s" in source.notices[0]


def test_whoever_stops_reading_does_not_wait_for_a_camera_that_stays_away():
    with Web(b"", 1) as web:
        first = open_source(f"{web.address}/camera")

        def gone():
            raise VideoUnavailable("It stays away.")

        source = Reconnecting(first, gone, patience_s=600, pause_s=300)
        frames = newest_frames(source)
        next(frames)
        frames.close()
        source.close()


def test_cameras_of_the_network_are_asked_again_if_that_is_wanted():
    with Web(b"", 2) as web:
        source = open_source(f"{web.address}/camera", reconnect_s=30)
        assert isinstance(source, Reconnecting)
        source.close()
