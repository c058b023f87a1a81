"""The real command line and a real server process, with the real weights."""

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from PIL import Image as Pillow

from tests.support.photos import photo_path
from tests.support.server_process import ROOT, running_server

pytestmark = pytest.mark.slow

MIEN = [sys.executable, "-m", "app"]


def run(*arguments, **environment):
    return subprocess.run(
        [*MIEN, *map(str, arguments)], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )


def test_detect_prints_one_json_line_a_picture(tmp_path):
    text = tmp_path / "photo.jpg"
    text.write_text("no picture")
    done = run("detect", photo_path("zidane"), text, tmp_path / "missing.png", "--annotate", tmp_path / "out")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(lines[0]["faces"]), lines[1]["error"]["code"], lines[2]["error"]["code"]] == [
        2, "unsupported_media", "file_error",
    ]  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    with Pillow.open(tmp_path / "out" / "zidane.annotated.png") as annotated:
        assert annotated.size == (1280, 720)


def test_a_folder_to_a_table_with_a_closing_line(tmp_path):
    shutil.copy(photo_path("astronaut"), tmp_path / "a.png")
    shutil.copy(photo_path("coffee"), tmp_path / "b.png")
    done = run("detect", tmp_path, tmp_path / "gone.png", "--out", tmp_path / "faces.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert "gone.png: no such file or folder." in done.stderr.splitlines()[0]
    assert "3 pictures, 1 face, 1 without a face, 1 failed, " in done.stderr
    assert len((tmp_path / "faces.csv").read_text().splitlines()) == 1 + 3


def test_batch_answers_as_detect_does_and_sums_up(tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    shutil.copy(photo_path("astronaut"), album / "a.png")
    shutil.copy(photo_path("coffee"), album / "b.png")
    (tmp_path / "list.txt").write_text(f"{album}\n{tmp_path / 'gone.png'}\n")
    done = run("batch", tmp_path / "list.txt", "--out", tmp_path / "batch.csv")
    assert (done.returncode, done.stdout) == (0, "")
    counted, shares, failures = done.stderr.splitlines()
    assert counted.startswith("3 pictures, 1 face, 1 without a face, 1 failed, ")
    assert shares == "faces: happy 100.0%; unclear 0.0%"
    assert failures == "failed: file_error 1"
    run("detect", album, "--out", tmp_path / "detect.csv")
    with (tmp_path / "batch.csv").open() as batch, (tmp_path / "detect.csv").open() as detect:
        face, alone = next(csv.DictReader(batch)), next(csv.DictReader(detect))
    assert (face["file"], face["emotion"], face["face"]) == (alone["file"], alone["emotion"], alone["face"])
    numbers = [name for name in face if name not in ("file", "emotion", "unclear", "truncated", "error", "detail")]
    assert [float(face[name]) for name in numbers] == pytest.approx([float(alone[name]) for name in numbers], abs=2e-3)
    again = run("batch", tmp_path / "list.txt", "--out", tmp_path / "batch.csv")
    assert again.returncode == 1
    assert "batch.csv exists already" in again.stderr


@pytest.mark.parametrize(("source", "out"), [(".", "faces.parquet"), ("s3://photos", "faces.csv")])
def test_batch_without_pyarrow_says_what_to_install(tmp_path, source, out):
    code = "import sys; sys.modules['pyarrow'] = None; from app.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "batch", source, "--out", tmp_path / out],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    [line] = done.stderr.splitlines()
    assert line.startswith("mien: pyarrow is not installed")
    assert "[batch]" in line
    assert list(tmp_path.iterdir()) == []


def test_paths_are_checked_before_the_networks_load(tmp_path):
    done = run("detect", tmp_path / "gone.png", MIEN_WEIGHTS_DIR="/nonexistent")
    assert done.returncode == 1
    assert "no such file or folder" in done.stderr
    assert "manifest" not in done.stderr


def test_detect_on_a_full_disk_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*MIEN, "detect", photo_path("astronaut")], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert done.returncode == 1
    assert done.stderr == "mien: standard output cannot be written: No space left on device.\n"


def test_a_folder_that_cannot_be_written_is_told_before_the_networks_load(tmp_path):
    (tmp_path / "file").touch()
    done = run("detect", photo_path("zidane"), "--annotate", tmp_path / "file", MIEN_WEIGHTS_DIR="/nonexistent")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith(f"mien: No pictures can be written into {tmp_path / 'file'}")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"MIEN_DEVICE": "cuda:63"}, "cuda:63"),
        ({"MIEN_PORT": "no"}, "MIEN_PORT"),
        ({"MIEN_HOST": "no such host"}, "no such host"),
        ({"MIEN_MAX_PIXELS": "400000000"}, "MIEN_MAX_PIXELS_HELD must be at least MIEN_MAX_PIXELS"),
        ({"MIEN_RATE_LIMIT": "often"}, "MIEN_RATE_LIMIT"),
        ({"MIEN_TRUSTED_PROXIES": "nginx"}, "MIEN_TRUSTED_PROXIES: 'nginx' is no address"),
        ({"MIEN_API_KEYS_FILE": "/nonexistent"}, "MIEN_API_KEYS_FILE: /nonexistent"),
        ({"MIEN_API_KEYS": ""}, "MIEN_API_KEYS: set but empty"),
        ({"MIEN_WEIGHTS_DIR": "/nonexistent"}, "manifest.json"),
    ],
)
def test_start_errors_are_one_clear_line(environment, message):
    done = run("serve", **environment)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("mien: ")
    assert message in line


def test_a_port_that_is_taken_is_told_before_anything_is_loaded():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--port", taken.getsockname()[1], MIEN_WEIGHTS_DIR="/nonexistent")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("mien: Cannot listen on 127.0.0.1")
    assert "--port" in line
    assert "MIEN_HOST" in line


@pytest.mark.parametrize("name", ["my_model.bin", "yolov8n-face.xml"])
def test_a_damaged_weights_file_stops_the_start_with_one_clear_line(name, tmp_path):
    folder = shutil.copytree(ROOT / "weights", tmp_path / "weights")
    file = folder / name
    payload = bytearray(file.read_bytes())
    payload[-1] ^= 1
    file.write_bytes(payload)
    done = run("serve", MIEN_WEIGHTS_DIR=str(folder), MIEN_PRECISION="fp32")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("mien: ")
    assert "sha256" in line
    assert file.name in line


def test_a_runtime_that_is_not_installed_is_one_clear_line():
    program = "import sys; sys.modules['openvino'] = None; from app.cli import cli; cli(['serve', '--device', 'cpu'])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120,
        env={**os.environ, "MIEN_RUNTIME": "openvino"},
    )  # fmt: skip
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("mien: ")
    assert "OpenVINO cannot be loaded" in line


def test_real_server_answers_and_stops_cleanly(tmp_path):
    with running_server(tmp_path) as server:
        with urllib.request.urlopen(f"{server.address}/readyz", timeout=30) as answer:  # noqa: S310 - our own server
            assert json.load(answer) == {"status": "ready"}
        request = urllib.request.Request(f"{server.address}/detect", photo_path("zidane").read_bytes())  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            assert len(json.load(answer)["faces"]) == 2
        server.terminate()
        assert server.process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in server.log


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_the_log_names_the_runtime_and_its_precision(tmp_path, name):
    with running_server(tmp_path, runtime=name, precision="fp32", device="cpu") as server:
        openvino = r"OpenVINO [\d.]+, yolov8n-face in fp32, my_model in fp32.*"
        said = {"openvino": openvino, "torch": r"PyTorch [\d.]+.*, fp32"}[name]
        assert re.search(rf"the networks run on {said}, cpu, \d+ threads", server.log)


def test_a_report_of_real_photos(tmp_path):
    report = tmp_path / "report.html"
    done = run("detect", photo_path("zidane"), "--out", tmp_path / "a.csv", "--report", report, "--with-pictures")
    assert done.returncode == 0, done.stderr
    words = report.read_text()
    assert "1 picture, 2 faces: " in words
    assert re.search(r"Networks: yolov8n-face@[0-9a-f]{12}, my_model@[0-9a-f]{12}", words)
    assert words.count("data:image/jpeg") == 1


def test_pictures_without_a_report_are_told_before_the_networks_load():
    done = run("detect", photo_path("zidane"), "--with-pictures", MIEN_WEIGHTS_DIR="/nonexistent")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--report FILE.html" in done.stderr
