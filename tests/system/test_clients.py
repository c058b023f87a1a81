"""The clients of docs/clients/, as their first lines say, against a real server."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.photos import photo_path
from tests.support.server_process import ROOT

CLIENTS = ROOT / "docs" / "clients"
PROGRAMS = {
    "rest.py": (sys.executable, "rest.py"),
    "mien.mjs": ("node", "mien.mjs"),
    "client.go": ("go", "run", "client.go"),
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_client_prints_every_face_and_says_what_failed(server, tmp_path, name):
    program = PROGRAMS[name]
    if shutil.which(program[0]) is None:
        pytest.skip(f"no {program[0]} on this machine")
    broken, photo = tmp_path / "broken.jpg", photo_path("zidane")
    broken.write_bytes(b"no picture")
    environment = {**os.environ, "GOCACHE": str(tmp_path / "go"), "GO111MODULE": "off"}
    done = subprocess.run(
        [*program, server.address, broken, photo],
        cwd=CLIENTS, env=environment, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    failed, *faces = (line.split("\t") for line in done.stdout.splitlines())
    assert failed[:2] == [str(broken), "unsupported_media"]
    assert len(faces) == 2
    for file, emotion, confidence in faces:
        assert file == str(photo)
        assert emotion in {"angry", "happy", "sad", "surprise", "neutral"}
        assert 0.2 <= float(confidence) <= 1
